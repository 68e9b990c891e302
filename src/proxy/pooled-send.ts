import { type Lease, upstreamOf, type Verdict } from '../domain/pool/types.ts';
import { judge } from '../domain/pool/verdict.ts';
import { CLIENT_CREDENTIAL_FIELDS, upstreamRequestFor, withoutKeyProtocol } from '../openai/providers.ts';
import { createdObjectId, createsObject, objectIdOf, producedObjectIds } from '../openai/stored-objects.ts';
import type { WireRequest } from '../wire/types.ts';
import { clientOf, mayRepeat } from './forward.ts';
import { requestFields, withheldFields } from './head.ts';
import type { Passage, Usage } from './passage.ts';
import { type AttemptOptions, type Judged, PooledAttempt } from './pooled-attempt.ts';
import type { PooledContext, PooledTimeouts } from './pooled-context.ts';
import type { PooledOutcome } from './pooled-outcome.ts';
import type { Plan } from './pooled-plan.ts';

/** The answer must come as it is, so that errors and usage can be read. */
const PLAIN_ANSWER = ['Accept-Encoding', 'identity'] as const;
const UPLOAD_NAMES = [...CLIENT_CREDENTIAL_FIELDS, 'accept-encoding', 'sec-websocket-protocol'];
const WITHHELD_UPLOAD = withheldFields(UPLOAD_NAMES);
const WITHHELD = withheldFields([...UPLOAD_NAMES, 'content-length']);

/** How a try ended, for who decides about the next one. */
export interface Attempted {
  readonly outcome: PooledOutcome;
  readonly usage: Usage | undefined;
}

export interface KeyTryOptions {
  readonly planned: Plan;
  /** Whether an answer with this verdict is for the client. */
  readonly isClients: (verdict: Verdict) => boolean;
}

/** One try with a key; gives the key back exactly once, whatever happens. */
export function attemptWith(
  lease: Lease,
  passage: Passage,
  context: PooledContext,
  options: KeyTryOptions,
): Promise<Attempted> {
  const upstream = upstreamOf(lease.key);
  if (!context.circuits.admit({ upstream, keyId: lease.key.id }, context.nowMs())) {
    // Another request is probing a circuit that is half open: this one looks elsewhere.
    context.pool.abandon(lease);
    return Promise.resolve({ outcome: CIRCUIT_OPEN, usage: undefined });
  }
  return new Promise((resolve, reject) => {
    const keyTry = new KeyTry(lease, { ...options, passage, context, resolve });
    try {
      keyTry.send(false);
    } catch (error) {
      keyTry.giveBack(undefined);
      reject(error);
    }
  });
}

/** The outcome of a try that was not made: its upstream is being probed by another request. */
export const CIRCUIT_OPEN: PooledOutcome = {
  kind: 'again',
  verdict: { key: { kind: 'none' }, upstream: 'none', then: 'retry' },
  failure: undefined,
};
const BROKEN: Verdict = { key: { kind: 'none' }, upstream: 'strike', then: 'relay' };

/** A try under way, and what its attempts must know of the key. */
class KeyTry implements AttemptOptions {
  readonly timeouts: PooledTimeouts;
  readonly isClients: (verdict: Verdict) => boolean;
  readonly watchObjects: ((bodyHead: string) => boolean) | undefined;
  readonly #lease: Lease;
  readonly #passage: Passage;
  readonly #context: PooledContext;
  readonly #planned: Plan;
  readonly #resolve: (attempted: Attempted) => void;
  #attempt: PooledAttempt | undefined;
  #onClosed: (() => void) | undefined;
  #repeated = false;

  constructor(
    lease: Lease,
    options: KeyTryOptions & {
      readonly passage: Passage;
      readonly context: PooledContext;
      readonly resolve: (attempted: Attempted) => void;
    },
  ) {
    const { passage, context } = options;
    const { key } = lease;
    this.timeouts = context.timeouts;
    this.isClients = options.isClients;
    this.watchObjects =
      key.source === 'client'
        ? undefined
        : objectWatch(passage.request.method!, passage.path, context, key.id);
    this.#lease = lease;
    this.#passage = passage;
    this.#context = context;
    this.#planned = options.planned;
    this.#resolve = options.resolve;
  }

  /** @param fresh not on a kept connection */
  send(fresh: boolean): void {
    const { key } = this.#lease;
    const passage = this.#passage;
    const asked = upstreamRequestFor({
      provider: key.provider,
      baseUrl: key.baseUrl ?? this.#context.baseUrlOf(key.provider),
      path: passage.path,
      secret: key.secret.reveal(),
    });
    const { wholeBody } = this.#planned;
    const wire = wireRequest(passage, this.#planned, asked);
    const upstream = this.#context.upstreams.at(asked.target);
    const attempt = new PooledAttempt(passage, this);
    this.#attempt = attempt;
    if (this.#onClosed === undefined) {
      this.#onClosed = () => this.#attempt!.onResponseClosed();
      passage.response.on('close', this.#onClosed);
    }
    attempt.carry(upstream.send(wire, attempt, { wholeBody, fresh }));
  }

  judge(judged: Judged): Verdict {
    const { autoBan } = this.#context.pool.config;
    return judge(
      {
        status: judged.status,
        headers: judged.headers,
        bodyError: judged.bodyError,
        transport: judged.failure?.code,
        provider: this.#lease.key.provider,
        model: this.#lease.model,
        nowMs: this.#context.nowMs(),
      },
      { autoBan: autoBan.enabled, ban401: autoBan.ban_401, ban402: autoBan.ban_402 },
    );
  }

  redact(body: Buffer): Buffer {
    const { key } = this.#lease;
    return key.source === 'client' ? body : withoutKey(body, key.secret.reveal());
  }

  settle(outcome: PooledOutcome, usage: Usage | undefined): void {
    if (!this.#repeated && this.#mayRepeat(outcome)) {
      this.#repeated = true;
      this.send(true);
      return;
    }
    switch (outcome.kind) {
      case 'relayed':
        // The response is closed: nothing more is heard from it.
        this.giveBack(outcome.verdict);
        break;
      case 'again':
        this.#passage.response.off('close', this.#onClosed!);
        this.giveBack(outcome.verdict);
        break;
      case 'broken':
        this.giveBack(BROKEN);
        break;
      case 'client-left':
        this.giveBack(undefined);
        break;
    }
    this.#resolve({ outcome, usage });
  }

  /** @param verdict `undefined`: nothing can be said of the key or its upstream */
  giveBack(verdict: Verdict | undefined): void {
    const { circuits, pool } = this.#context;
    const lease = this.#lease;
    const nowMs = this.#context.nowMs();
    circuits.report(
      { upstream: upstreamOf(lease.key), keyId: lease.key.id },
      verdict?.upstream ?? 'none',
      nowMs,
    );
    if (verdict === undefined) pool.abandon(lease);
    else pool.release(lease, verdict, nowMs);
  }

  /**
   * A kept connection was closed by the other side meanwhile: that says nothing of the upstream, and a new one may do.
   * With retries switched off only what is safe to repeat is (RFC 9110 §9.2.2).
   */
  #mayRepeat(outcome: PooledOutcome): boolean {
    const { request, response } = this.#passage;
    if (outcome.kind !== 'again' || outcome.failure === undefined || response.closed) return false;
    const asked = { method: request.method!, headers: request.rawHeaders };
    return mayRepeat(asked, outcome.failure, {
      isWhole: this.#planned.wholeBody !== undefined,
      isForced: this.#context.pool.config.retry.enabled,
    });
  }
}

/** Shorter ones may stand in a text by chance. */
const SHORTEST_REDACTED = 8;

/** Some vendors repeat the key that they refuse. */
function withoutKey(body: Buffer, key: string): Buffer {
  if (key.length < SHORTEST_REDACTED || !body.includes(key)) return body;
  return Buffer.from(body.toString('latin1').replaceAll(key, '*'.repeat(key.length)), 'latin1');
}

/** Looks out for stored objects that an answer tells of: later requests for them must go to the same key. */
function objectWatch(
  method: string,
  path: string,
  context: PooledContext,
  keyId: string,
): ((bodyHead: string) => boolean) | undefined {
  if (createsObject(method, path)) {
    return bodyHead => {
      const id = createdObjectId(method, path, bodyHead);
      if (id !== undefined) context.owners.remember(id, keyId);
      return id !== undefined;
    };
  }
  if (method !== 'GET' || objectIdOf(path) === undefined) return undefined;
  return bodyHead => {
    const ids = producedObjectIds(path, bodyHead);
    for (const id of ids) context.owners.remember(id, keyId);
    return ids.length > 0;
  };
}

/** The request as it goes on: the client's fields without its credentials, with the key's. */
function wireRequest(
  passage: Passage,
  planned: Plan,
  asked: ReturnType<typeof upstreamRequestFor>,
): WireRequest {
  const { request, context, special } = passage;
  const { wholeBody, body } = planned;
  const upgrade = special?.upgrade?.protocol;
  const added = [...asked.credentialFields, ...PLAIN_ANSWER];
  const protocols = request.headers['sec-websocket-protocol'];
  if (protocols !== undefined) {
    const kept = withoutKeyProtocol(protocols);
    if (kept !== '') added.push('Sec-WebSocket-Protocol', kept);
  }
  if (body === 'length' && wholeBody !== undefined) added.push('Content-Length', String(wholeBody.length));
  for (let index = 0; index < asked.defaultFields.length; index += 2) {
    const name = asked.defaultFields[index]!;
    if (request.headers[name.toLowerCase()] === undefined) added.push(name, asked.defaultFields[index + 1]!);
  }
  return {
    method: request.method!,
    path: asked.path,
    headers: requestFields(request.rawHeaders, {
      authority: asked.target.authority,
      via: context.via,
      forwarded: context.forwarded,
      client: context.forwarded === 'append' ? clientOf(passage) : undefined,
      body,
      upgrade,
      expectContinue: false,
      withheld: wholeBody === undefined ? WITHHELD_UPLOAD : WITHHELD,
      added,
    }),
    body,
    upgrade: upgrade !== undefined,
    expectContinue: false,
  };
}
