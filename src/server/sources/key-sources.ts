import type { Log } from '../../base/log.ts';
import type { Secret } from '../../base/secret.ts';
import type { Schedule } from '../../domain/pool/schedule.ts';
import { listedKey, loginKey } from '../../domain/pool/sources/source-key.ts';
import type { SourcePorts, SourceReport } from '../../domain/pool/sources/types.ts';
import type { KeySourceName, LiveKey } from '../../domain/pool/types.ts';
import { authFileVault } from './auth-file-vault.ts';
import { KeysFile } from './keys-file.ts';
import type { PostForm } from './post-form.ts';
import { loginName, sealedVault } from './sealed-vault.ts';
import { TokenRefresher } from './token-refresher.ts';
import { trade } from './trade.ts';
import { watchPath } from './watch-path.ts';

export interface KeySourcesOptions extends SourcePorts {
  /** `FACTORY_API_KEY` and `OPENAI_API_KEYS`. */
  readonly environmentKeys: readonly Secret[];
  /** `FACTORY_KEYS_FILE`. */
  readonly keysFile: string;
  /** `DROID_REFRESH_KEY`. */
  readonly refreshKey: Secret | undefined;
  /** `DATA_DIR/auth.json`. */
  readonly authFile: string;
  /** `OAUTH_TOKEN_URL`, `OAUTH_CLIENT_ID`. */
  readonly tokenUrl: string;
  readonly clientId: string;
  /** Identity of this process: no two of the installation have the same. */
  readonly holder: string;
  readonly log: Log;
  readonly nowMs?: () => number;
  /** How the token endpoint is asked. */
  readonly post: PostForm;
  readonly schedule?: Schedule;
  /** From 0 to below 1. */
  readonly random?: () => number;
}

/** One line of `/status`. */
export interface SourceStatus extends SourceReport {
  readonly source: KeySourceName;
}

/** Tokens of other processes are looked for so often; what they replaced is good for hours. */
const SHARED_LOOK_MS = 60_000;
const FILE_LOOK_MS = 5_000;

/** The sources of keys beside the store and the client: each feeds the pool and says how it does. */
export class KeySources {
  readonly #options: KeySourcesOptions;
  readonly #environment: readonly LiveKey[];
  readonly #file: KeysFile;
  readonly #login: TokenRefresher | undefined;
  readonly #authFile: TokenRefresher;
  /** Keys of the file that are in the pool. */
  #fileKeys = 0;
  #unwatch: (() => void) | undefined;

  constructor(options: KeySourcesOptions) {
    this.#options = options;
    const texts = new Set(options.environmentKeys.map(key => key.reveal()));
    this.#environment = [...texts].map(text => listedKey('environment', text, options.detectProvider));
    this.#file = new KeysFile({
      path: options.keysFile,
      // A key that is in both would get twice the requests.
      onKeys: keys => this.#feedFile(keys.filter(text => !texts.has(text))),
      ...this.#surroundings(),
    });
    const { refreshKey } = options;
    this.#login =
      refreshKey === undefined
        ? undefined
        : this.#refresher('oauth', {
            vault: sealedVault(refreshKey.reveal(), options),
            leaseName: loginName(refreshKey.reveal()),
            remedy: 'set a new DROID_REFRESH_KEY',
            lookEveryMs: SHARED_LOOK_MS,
          });
    this.#authFile = this.#refresher('auth-file', {
      vault: authFileVault(options.authFile),
      leaseName: 'auth-file',
      remedy: 'log in again and replace auth.json',
      lookEveryMs: FILE_LOOK_MS,
    });
  }

  /** Resolves when every source was read once; access tokens that are due come after that. Never rejects. */
  async start(): Promise<void> {
    this.#options.pool.replaceAll('environment', this.#environment);
    this.#unwatch = watchPath(this.#options.authFile, () => void this.#authFile.round());
    await Promise.all([this.#file.start(), this.#login?.start(), this.#authFile.start()]);
  }

  /** Resolves when nothing is under way any more: a token that was granted is then saved. */
  async stop(): Promise<void> {
    this.#unwatch?.();
    await Promise.all([this.#file.stop(), this.#login?.stop(), this.#authFile.stop()]);
  }

  /** In the order in which keys are taken from them. */
  status(): SourceStatus[] {
    const environment = this.#environment.length;
    return [
      { source: 'environment', keys: environment, state: environment > 0 ? 'ok' : 'off', detail: '' },
      { source: 'file', ...this.#file.report(), keys: this.#fileKeys },
      { source: 'oauth', ...(this.#login?.report() ?? { keys: 0, state: 'off', detail: '' }) },
      { source: 'auth-file', ...this.#authFile.report() },
    ];
  }

  #feedFile(keys: readonly string[]): void {
    const { pool, detectProvider } = this.#options;
    this.#fileKeys = keys.length;
    pool.replaceAll(
      'file',
      keys.map(text => listedKey('file', text, detectProvider)),
    );
  }

  #refresher(
    name: 'oauth' | 'auth-file',
    own: Pick<
      ConstructorParameters<typeof TokenRefresher>[0],
      'vault' | 'leaseName' | 'remedy' | 'lookEveryMs'
    >,
  ): TokenRefresher {
    const { pool, detectProvider, stores, holder, tokenUrl, clientId, post, random } = this.#options;
    const surroundings = this.#surroundings();
    return new TokenRefresher({
      name,
      ...own,
      leases: stores.leases,
      holder,
      trade: refreshToken =>
        trade(refreshToken, { url: tokenUrl, clientId, post, nowMs: surroundings.nowMs }),
      onToken: token =>
        pool.replaceAll(name, token === undefined ? [] : [loginKey(name, token, detectProvider)]),
      ...(random === undefined ? {} : { random }),
      ...surroundings,
    });
  }

  #surroundings() {
    const { log, nowMs = Date.now, schedule } = this.#options;
    return { log, nowMs, ...(schedule === undefined ? {} : { schedule }) };
  }
}
