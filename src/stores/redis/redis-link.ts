import { Redis } from 'ioredis';
import type { AppError } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import { harmless, meaningOf, unavailable } from './failure.ts';
import type { RedisAddress } from './redis-address.ts';
import { loadScripts, type ScriptedRedis } from './scripts.ts';

/** A command that got no reply for so long has failed; it may have been done all the same. */
const COMMAND_TIMEOUT_MS = 2_000;
/** A connection that stayed silent for so long while a reply was due is given up: its peer may be gone without a word. */
const SILENCE_LIMIT_MS = 10_000;
const CONNECT_TIMEOUT_MS = 2_000;
const FIRST_RETRY_MS = 50;
const LONGEST_RETRY_MS = 1_000;

/**
 * One connection to Redis that comes back by itself, for ever. Commands fail at once while it is down and in two seconds
 * when Redis does not answer; none is queued or sent twice by the client. Each change between up and down is logged once.
 */
export class RedisLink {
  readonly client: ScriptedRedis;
  readonly #log: Log;
  readonly #name: string;
  readonly #level: 'warn' | 'debug';
  /** What is wrong with the connection; `undefined` while it is up. Nothing is known before the first attempt. */
  #problem: string | undefined = 'The shared store (Redis) is not reachable';
  #told: string | undefined;
  /** The connection of now met an error while it was set up: a refused `SELECT` would leave it on the wrong database. */
  #flawed = false;
  #closing = false;

  /**
   * @param options.name stands in the log and in Redis' `CLIENT LIST`
   * @param options.level of the line about an outage; `debug` for a connection that can be done without
   * @param options.commandTimeoutMs 2,000 when left out
   */
  constructor(
    address: RedisAddress,
    options: { log: Log; name: string; level?: 'warn' | 'debug'; commandTimeoutMs?: number },
  ) {
    const { log, name, level = 'warn', commandTimeoutMs = COMMAND_TIMEOUT_MS } = options;
    this.#log = log;
    this.#name = name;
    this.#level = level;
    this.client = new Redis({
      ...address,
      connectionName: `switchyard-${name}`,
      scripts: loadScripts(),
      protocol: 2,
      connectTimeout: CONNECT_TIMEOUT_MS,
      commandTimeout: commandTimeoutMs,
      socketTimeout: SILENCE_LIMIT_MS,
      enableOfflineQueue: false,
      autoResendUnfulfilledCommands: false,
      autoResubscribe: false,
      maxRetriesPerRequest: 0,
      retryStrategy: times =>
        Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** (times - 1)) * (0.75 + Math.random() / 2),
      reconnectOnError: error => error.message.startsWith('READONLY'),
    }) as ScriptedRedis;
    this.client.on('connect', () => {
      this.#flawed = false;
    });
    this.client.on('error', (error: unknown) => {
      this.#flawed = true;
      this.#down(error);
    });
    this.client.on('close', () => this.#down(undefined));
    this.client.on('ready', () => this.#up());
  }

  /** Resolves when the first attempt to connect has ended, well or not; never rejects. */
  firstAttempt(): Promise<void> {
    return new Promise(resolve => {
      this.client.once('ready', () => resolve());
      this.client.once('close', () => resolve());
    });
  }

  /**
   * Runs commands.
   *
   * @throws AppError `ERR_STORE_UNAVAILABLE` for whatever Redis or the connection refuses
   */
  async run<T>(commands: (client: ScriptedRedis) => Promise<T>): Promise<T> {
    if (this.#problem !== undefined) throw this.#failure();
    try {
      return await commands(this.client);
    } catch (error) {
      if (error instanceof RangeError || error instanceof TypeError) throw error;
      throw this.#problem === undefined ? unavailable(error) : unavailable(error, this.#problem);
    }
  }

  /** Ends the connection at once; commands under way fail. */
  async close(): Promise<void> {
    const { client } = this;
    if (client.status === 'end') return;
    this.#closing = true;
    const hasSocket = client.status !== 'reconnecting';
    const ended = new Promise<void>(resolve => client.once('end', () => resolve()));
    client.disconnect();
    if (hasSocket) await ended;
  }

  #failure(): AppError {
    return unavailable(new Error('not connected'), this.#problem);
  }

  #up(): void {
    if (this.#flawed) {
      this.client.disconnect(true);
      return;
    }
    this.#problem = undefined;
    if (this.#told !== undefined)
      this.#log[this.#level === 'warn' ? 'info' : 'debug'](`Redis (${this.#name}): connected again`);
    this.#told = undefined;
  }

  /** `error` is left out for a close, whose reason, if any, came just before it. */
  #down(error: unknown): void {
    if (error !== undefined || this.#problem === undefined) this.#problem = meaningOf(error);
    if (this.#told === this.#problem || this.#closing) return;
    this.#told = this.#problem;
    this.#log[this.#level]({ err: harmless(error) }, `Redis (${this.#name}): ${this.#problem}`);
  }
}
