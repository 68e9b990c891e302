import { AppError } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import { backoffMs } from '../../domain/pool/backoff.ts';
import { byTimer, type Schedule } from '../../domain/pool/schedule.ts';
import {
  accessEndMs,
  type Grant,
  type OAuthTokens,
  refreshDueMs,
} from '../../domain/pool/sources/oauth-tokens.ts';
import type { KeptTokens, SourcePorts, SourceReport, TokenVault } from '../../domain/pool/sources/types.ts';
import type { Trade } from './trade.ts';

export interface TokenRefresherOptions {
  /** Says in logs which login this is. */
  readonly name: string;
  readonly vault: TokenVault;
  readonly leases: SourcePorts['stores']['leases'];
  /** Of the right to refresh: one process of the installation has it at a time. */
  readonly leaseName: string;
  /** Identity of this process. */
  readonly holder: string;
  /** Asks for a new access token. Never rejects. */
  readonly trade: (refreshToken: string) => Promise<Trade>;
  /** Called with the access token that is good now, whenever it is another one. */
  readonly onToken: (accessToken: string | undefined) => void;
  /** What the operator can do when the endpoint refuses the refresh token. */
  readonly remedy: string;
  /** How often it is looked whether another process, or an editor, replaced the tokens. */
  readonly lookEveryMs: number;
  readonly log: Log;
  readonly nowMs: () => number;
  readonly schedule?: Schedule;
  readonly random?: () => number;
}

/** Longer than a trade may take, so that nobody else trades the same refresh token meanwhile. */
const LEASE_MS = 60_000;
const LEASE_RETRY_MS = 5_000;
/** Waits after a trade that failed. The token of before is good for two hours more, so there is time. */
const TRADE_BACKOFF = { baseMs: 10_000, maxMs: 600_000 };
/** Waits while something of our own is in the way: the store, the disk. */
const OWN_BACKOFF = { baseMs: 1_000, maxMs: 30_000 };
/** A refused refresh token is as good as dead; it is still shown now and then, in case somebody mended the account. */
const REFUSED_RETRY_MS = 6 * 3_600_000;
/** From one round to the next where there is no reason to wait. */
const NEXT_MS = 250;

/** Something that goes wrong again and again. */
interface Problem {
  readonly detail: string;
  /** Consecutive ones. */
  readonly attempts: number;
  readonly notBeforeMs: number;
}

interface Refusal {
  readonly atMs: number;
  readonly reason: string;
}

/**
 * Keeps the access token of one login good, over all processes of the installation.
 *
 * An endpoint may replace the refresh token with every trade, and the old one is then worth nothing. So a new one is
 * saved before its access token is used: whoever starts after a crash, or runs beside this process, goes on with it. A
 * trade is made under a lease, after another look at what is kept, because somebody else may have made it already. While
 * trades fail the access token of before serves up to its end.
 */
export class TokenRefresher {
  readonly #options: Required<TokenRefresherOptions>;
  readonly #startedAtMs: number;
  /** What was last found kept, or saved. */
  #tokens: OAuthTokens | undefined;
  #served: string | undefined;
  /** A grant that could not be saved yet, and the refresh token it was traded for. */
  #unsaved: { readonly tokens: OAuthTokens; readonly tradedFor: string } | undefined;
  /** The endpoint's word on the refresh token of `#tokens`. */
  #refusal: Refusal | undefined;
  /** Why it is not known what is kept, or why a grant is not saved yet. */
  #vaultProblem: Problem | undefined;
  /** Why there is no new access token though one is due. */
  #tradeProblem: Problem | undefined;
  #running: Promise<void> | undefined;
  #again = false;
  #cancel: (() => void) | undefined;
  #stopped = false;

  constructor(options: TokenRefresherOptions) {
    this.#options = { schedule: byTimer, random: Math.random, ...options };
    this.#startedAtMs = options.nowMs();
  }

  /** Resolves when what is kept serves; a refresh that is due goes on after that. Never rejects. */
  async start(): Promise<void> {
    await this.#look();
    void this.round();
  }

  /** Looks now: whether somebody replaced the tokens, whether a refresh is due. Never rejects. */
  round(): Promise<void> {
    this.#again = true;
    this.#cancel?.();
    this.#running ??= this.#rounds().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  /** Resolves when nothing is under way any more; what was granted is then saved, or could not be. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancel?.();
    await this.#running;
    if (this.#unsaved !== undefined) await this.#save(this.#unsaved);
    if (this.#unsaved !== undefined) {
      this.#options.log.error(
        { login: this.#options.name },
        'a new refresh token could not be saved and is lost: the login must be renewed',
      );
    }
  }

  report(): SourceReport {
    const tokens = this.#tokens;
    const keys = this.#served === undefined ? 0 : 1;
    const serving = keys === 1 && tokens !== undefined ? servingWords(tokens) : '';
    const trouble = [
      this.#refusal === undefined
        ? ''
        : `the token endpoint refused the refresh token (${this.#refusal.reason}): ${this.#options.remedy}`,
      this.#vaultProblem?.detail ?? '',
      this.#tradeProblem?.detail ?? '',
    ].filter(words => words !== '');
    if (trouble.length > 0) {
      return {
        keys,
        state: 'failing',
        detail: [...trouble, serving].filter(words => words !== '').join('; '),
      };
    }
    if (keys === 1) return { keys, state: 'ok', detail: serving };
    if (tokens === undefined) return { keys, state: 'off', detail: '' };
    const waits = tokens.refreshToken !== undefined;
    return { keys, state: 'empty', detail: waits ? 'waiting for an access token' : 'no token' };
  }

  async #rounds(): Promise<void> {
    let waitMs = NEXT_MS;
    while (this.#again && !this.#stopped) {
      this.#again = false;
      waitMs = await this.#once();
    }
    if (this.#stopped) return;
    this.#cancel = this.#options.schedule(() => void this.round(), Math.max(NEXT_MS, waitMs));
  }

  /** @returns ms until the next round */
  async #once(): Promise<number> {
    const { nowMs, lookEveryMs } = this.#options;
    if (this.#unsaved !== undefined) await this.#save(this.#unsaved);
    const kept = this.#unsaved === undefined ? await this.#look() : undefined;
    this.#serve();
    const untilEndMs = this.#served === undefined ? Number.POSITIVE_INFINITY : this.#endMs() - nowMs();
    if (this.#vaultProblem !== undefined)
      return Math.min(this.#vaultProblem.notBeforeMs - nowMs(), untilEndMs);
    if (kept === undefined) return lookEveryMs;
    const untilDueMs = this.#askAtMs(kept.tokens) - nowMs();
    if (untilDueMs > 0) return Math.min(lookEveryMs, untilDueMs, untilEndMs);
    return this.#refreshUnderLease();
  }

  /** @returns ms until the next round */
  async #refreshUnderLease(): Promise<number> {
    const { leases, leaseName, holder, nowMs, log } = this.#options;
    try {
      if (!(await leases.take(leaseName, holder, { nowMs: nowMs(), forMs: LEASE_MS }))) return LEASE_RETRY_MS;
    } catch (error) {
      this.#postpone(`the access token cannot be refreshed now: ${wordsOf(error)}`, OWN_BACKOFF);
      return NEXT_MS;
    }
    try {
      // Somebody else may have refreshed while this process waited for its turn.
      const kept = await this.#look();
      if (kept !== undefined && this.#askAtMs(kept.tokens) <= nowMs()) await this.#refresh(kept);
    } finally {
      await leases
        .release(leaseName, holder)
        .catch(error => log.warn({ err: error }, 'the right to refresh ends by itself'));
    }
    return NEXT_MS;
  }

  async #refresh(kept: KeptTokens): Promise<void> {
    const { vault, trade, nowMs } = this.#options;
    const refreshToken = kept.tokens.refreshToken!;
    try {
      await vault.prepare();
    } catch (error) {
      this.#postpone(`new tokens could not be saved, so none are asked for: ${wordsOf(error)}`, OWN_BACKOFF);
      return;
    }
    const result = await trade(refreshToken);
    switch (result.kind) {
      case 'granted': {
        const tokens = tokensOf(result.grant, refreshToken, nowMs());
        this.#unsaved = { tokens, tradedFor: refreshToken };
        await this.#save(this.#unsaved);
        break;
      }
      case 'refused':
        await this.#noteRefusal(kept, result.reason);
        break;
      case 'failed':
        this.#postpone(
          `the access token could not be refreshed (${result.reason})`,
          TRADE_BACKOFF,
          result.notBeforeMs,
        );
    }
  }

  /**
   * Saves what was granted; only then it is used. What is kept may have changed meanwhile: where it still is about the
   * refresh token that was traded, only a refusal can have been noted, by somebody who traded it a second time.
   */
  async #save({ tokens, tradedFor }: { tokens: OAuthTokens; tradedFor: string }): Promise<void> {
    const { vault, log, name } = this.#options;
    try {
      for (;;) {
        const kept = await vault.read();
        const superseded = kept?.tokens.refreshToken !== tradedFor;
        if (!superseded && !(await vault.replace(tokens, kept!))) continue;
        this.#unsaved = undefined;
        this.#vaultProblem = undefined;
        if (superseded) {
          log.warn({ login: name }, 'new tokens are dropped: somebody put others in their place');
        } else {
          log.info({ login: name, until: endText(tokens) }, 'access token refreshed');
          this.#adopt(tokens);
        }
        return;
      }
    } catch (error) {
      this.#vaultFailed('new tokens cannot be saved', error);
    }
  }

  async #noteRefusal(kept: KeptTokens, reason: string): Promise<void> {
    const { vault, nowMs, log, name, remedy } = this.#options;
    this.#tradeProblem = undefined;
    this.#refusal = { atMs: nowMs(), reason };
    log.error({ login: name, reason }, `the token endpoint refused the refresh token: ${remedy}`);
    try {
      await vault.replace({ ...kept.tokens, refusedAtMs: this.#refusal.atMs }, kept);
    } catch (error) {
      log.warn({ login: name, err: error }, 'other processes are not told of the refusal');
    }
  }

  /** Takes over what is kept. `undefined` when there is nothing, or it cannot be told (see `#vaultProblem`). */
  async #look(): Promise<KeptTokens | undefined> {
    try {
      const kept = await this.#options.vault.read();
      this.#vaultProblem = undefined;
      this.#adopt(kept?.tokens);
      return kept;
    } catch (error) {
      this.#vaultFailed('the tokens cannot be read', error);
      return undefined;
    }
  }

  #adopt(tokens: OAuthTokens | undefined): void {
    const before = this.#tokens;
    this.#tokens = tokens;
    if (tokens?.refreshToken !== before?.refreshToken || tokens?.accessToken !== before?.accessToken) {
      // Somebody logged in again, or got a token where this process got none.
      this.#tradeProblem = undefined;
      this.#refusal = undefined;
    }
    const refusedAtMs = tokens?.refusedAtMs;
    if (refusedAtMs !== undefined) {
      this.#refusal = { atMs: refusedAtMs, reason: this.#refusal?.reason ?? 'told to another process' };
    }
    this.#serve();
  }

  /** Tells which access token is good now. */
  #serve(): void {
    const { nowMs, onToken, log, name } = this.#options;
    const accessToken = this.#endMs() > nowMs() ? this.#tokens?.accessToken : undefined;
    if (accessToken === this.#served) return;
    if (accessToken === undefined)
      log.warn({ login: name }, 'the access token is over and there is no other');
    this.#served = accessToken;
    onToken(accessToken);
  }

  #endMs(): number {
    return this.#tokens === undefined ? 0 : accessEndMs(this.#tokens);
  }

  /** Epoch ms from which on the endpoint is to be asked. */
  #askAtMs(tokens: OAuthTokens): number {
    return Math.max(refreshDueMs(tokens), this.#tradeProblem?.notBeforeMs ?? 0, this.#refusedUntilMs());
  }

  #refusedUntilMs(): number {
    if (this.#refusal === undefined) return 0;
    // Whoever started the program anew may have mended something.
    return this.#refusal.atMs < this.#startedAtMs ? 0 : this.#refusal.atMs + REFUSED_RETRY_MS;
  }

  /** The access token of before serves up to its end meanwhile. */
  #postpone(detail: string, backoff: { baseMs: number; maxMs: number }, notBeforeMs = 0): void {
    const { log, name, nowMs } = this.#options;
    const problem = this.#next(this.#tradeProblem, detail, backoff);
    this.#tradeProblem = { ...problem, notBeforeMs: Math.max(problem.notBeforeMs, notBeforeMs) };
    const waitMs = this.#tradeProblem.notBeforeMs - nowMs();
    log.warn({ login: name, attempts: problem.attempts, wait_ms: waitMs }, detail);
  }

  #vaultFailed(what: string, error: unknown): void {
    this.#vaultProblem = this.#next(this.#vaultProblem, `${what}: ${wordsOf(error)}`, OWN_BACKOFF);
    if (this.#vaultProblem.attempts === 1) {
      this.#options.log.warn({ login: this.#options.name, err: error }, what);
    }
  }

  #next(before: Problem | undefined, detail: string, backoff: { baseMs: number; maxMs: number }): Problem {
    const { nowMs, random } = this.#options;
    const attempts = (before?.attempts ?? 0) + 1;
    return { detail, attempts, notBeforeMs: nowMs() + backoffMs(attempts - 1, { ...backoff, random }) };
  }
}

function tokensOf(grant: Grant, refreshToken: string, nowMs: number): OAuthTokens {
  return {
    refreshToken: grant.refreshToken ?? refreshToken,
    accessToken: grant.accessToken,
    expiresAtMs: grant.expiresAtMs,
    refreshedAtMs: nowMs,
    refusedAtMs: undefined,
  };
}

/** What may be shown of an error: our own words alone. */
function wordsOf(error: unknown): string {
  return error instanceof AppError ? error.message : 'an unknown error';
}

function servingWords(tokens: OAuthTokens): string {
  const end = endText(tokens);
  return end === undefined ? 'the access token has no known end' : `the access token is good until ${end}`;
}

/** ISO 8601; `undefined` where no end is known. */
function endText(tokens: OAuthTokens): string | undefined {
  const endMs = accessEndMs(tokens);
  return Number.isFinite(endMs) ? new Date(endMs).toISOString() : undefined;
}
