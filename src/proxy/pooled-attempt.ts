import type { Verdict } from '../domain/pool/types.ts';
import { EventPeek } from '../openai/event-peek.ts';
import { isJson, UsageReader, usageOfJson } from '../openai/usage-reader.ts';
import type { ResponseHead, WireExchange, WireFailure, WireHandler } from '../wire/types.ts';
import { AttemptLimits, type Limit, type LimitOwner } from './attempt-limits.ts';
import { fieldValue } from './head.ts';
import type { Passage, Usage } from './passage.ts';
import type { PooledTimeouts } from './pooled-context.ts';
import type { PooledOutcome } from './pooled-outcome.ts';
import { type Outcome, Relay } from './relay.ts';

/** A stream that began well but says nothing for so long is the client's: its model thinks. */
const LONGEST_PEEK_MS = 5_000;
/** What is kept of an error answer to judge it by. */
const ERROR_BODY_BYTES = 64 * 1024;
/** What is looked through for the id of an object that the answer tells of. */
const CREATED_ID_BYTES = 16 * 1024;

/** What came back, as far as it decides. */
export interface Judged {
  readonly status: number;
  readonly headers: readonly string[];
  readonly bodyError: unknown;
  readonly failure: WireFailure | undefined;
}

export interface AttemptOptions {
  readonly timeouts: PooledTimeouts;
  readonly judge: (judged: Judged) => Verdict;
  /** Whether an answer with this verdict is for the client; else nobody sees it. */
  readonly isClients: (verdict: Verdict) => boolean;
  /** Takes what nobody may see out of the beginning of an error; its length stays. */
  readonly redact: (errorBody: Buffer) => Buffer;
  /** Called with the beginning of a relayed answer until it returns true. */
  readonly watchObjects: ((bodyHead: string) => boolean) | undefined;
  readonly settle: (outcome: PooledOutcome, usage: Usage | undefined) => void;
}

/**
 * One try with one key: holds the answer back until it is known whether it is the client's, then relays it byte for byte
 * while reading the usage off it.
 */
export class PooledAttempt implements WireHandler, WireExchange, LimitOwner {
  readonly #options: AttemptOptions;
  readonly #relay: Relay;
  #exchange: WireExchange | undefined;
  #state: 'waiting' | 'peeking' | 'collecting' | 'relaying' | 'over' = 'waiting';
  #head: ResponseHead | undefined;
  #peek: EventPeek | undefined;
  #collected: Buffer[] | undefined;
  #collectedBytes = 0;
  #verdict: Verdict | undefined;
  #contentType: string | undefined;
  #reader: UsageReader | undefined;
  #usage: Usage | undefined;
  #createdHead = '';
  #watching: boolean;
  /** A session is no answer: it may be silent, and last, as long as both sides like. */
  #isSession = false;
  readonly #limits: AttemptLimits;
  #longPeek: NodeJS.Timeout | undefined;

  constructor(passage: Passage, options: AttemptOptions) {
    this.#options = options;
    this.#watching = options.watchObjects !== undefined;
    this.#relay = new Relay(passage, outcome => this.#onRelayed(outcome));
    this.#limits = new AttemptLimits(options.timeouts, this);
  }

  carry(exchange: WireExchange): void {
    this.#exchange = exchange;
    this.#relay.carry(this);
  }

  /** What the relay asks of the exchange goes through here: reading on begins the wait for the next packet. */
  write(piece: Buffer): boolean {
    return this.#exchange!.write(piece);
  }

  end(trailers?: readonly string[]): void {
    this.#exchange!.end(trailers);
  }

  resume(): void {
    this.#awaitPacket();
    this.#exchange!.resume();
  }

  abort(): void {
    this.#exchange!.abort();
  }

  onResponseClosed(): void {
    if (this.#state === 'relaying') {
      this.#relay.onResponseClosed();
    } else if (this.#state !== 'over') {
      // What is held may tell the tokens of the prompt.
      if (this.#state === 'peeking') this.#readUsage(this.#peek!.held);
      this.#exchange?.abort();
      this.#settle({ kind: 'client-left' });
    }
  }

  onInformational(head: ResponseHead): void {
    if (head.status !== 100) this.#relay.onInformational(head);
  }

  onHead(head: ResponseHead): void {
    this.#head = head;
    this.#contentType = fieldValue(head.headers, 'content-type');
    if (head.status >= 400) {
      this.#state = 'collecting';
    } else if (head.status < 300 && isReadableStream(head, this.#contentType)) {
      this.#peek = new EventPeek();
      this.#state = 'peeking';
      this.#longPeek = setTimeout(() => this.#onPeekTooLong(), LONGEST_PEEK_MS);
    } else {
      this.#pass({ status: head.status, bodyError: undefined });
    }
  }

  onData(piece: Buffer): void {
    switch (this.#state) {
      case 'relaying':
        this.#relayPiece(piece);
        break;
      case 'peeking': {
        const found = this.#peek!.push(piece);
        if (found !== 'more') this.#onPeeked(found);
        break;
      }
      case 'collecting':
        this.#collected ??= [];
        this.#collected.push(Buffer.from(piece));
        this.#collectedBytes += piece.length;
        if (this.#collectedBytes >= ERROR_BODY_BYTES) this.#judgeCollected();
        break;
    }
  }

  onPacketEnd(): boolean {
    if (this.#state !== 'relaying') return true;
    const more = this.#relay.onPacketEnd();
    if (more) this.#awaitPacket();
    else this.#limits.awaitNothing();
    return more;
  }

  onEnd(trailers: readonly string[]): void {
    if (this.#state === 'peeking') this.#onPeeked(this.#peek!.end());
    if (this.#state === 'collecting') this.#judgeCollected();
    if (this.#state === 'relaying') this.#relay.onEnd(trailers);
  }

  onUpgrade(head: ResponseHead): void {
    this.#isSession = true;
    this.#limits.end();
    this.#state = 'relaying';
    this.#verdict = this.#options.judge({
      status: 101,
      headers: head.headers,
      bodyError: undefined,
      failure: undefined,
    });
    this.#relay.onUpgrade(head);
  }

  onDrain(): void {
    this.#relay.onDrain();
  }

  onFailure(failure: WireFailure): void {
    if (this.#state === 'relaying') {
      this.#relay.onFailure(failure);
    } else if (this.#state !== 'over') {
      const verdict = this.#options.judge({ status: 0, headers: [], bodyError: undefined, failure });
      this.#settle({ kind: 'again', verdict, failure });
    }
  }

  #onPeekTooLong(): void {
    if (this.#state !== 'peeking' || !this.#peek!.opened) return;
    this.#onPeeked('ok');
    // Nothing was asked to pause meanwhile: the next packet will tell.
    this.#relay.onPacketEnd();
    this.#awaitPacket();
  }

  #onPeeked(found: ReturnType<EventPeek['end']>): void {
    if (found === 'ok') {
      const { held } = this.#peek!;
      this.#pass({ status: this.#head!.status, bodyError: undefined });
      if (held.length > 0) this.#relayPiece(held);
      return;
    }
    this.#decide({ status: found.error.status, bodyError: found.error.body }, [this.#peek!.held]);
  }

  #judgeCollected(): void {
    const body = Buffer.concat(this.#collected ?? []);
    this.#decide({ status: this.#head!.status, bodyError: parsedJson(body) }, [body]);
  }

  /** Relays an answer that is not good, or gives it up for another try. */
  #decide(answer: { status: number; bodyError: unknown }, held: readonly Buffer[]): void {
    const head = this.#head!;
    const verdict = this.#options.judge({ ...answer, headers: head.headers, failure: undefined });
    if (this.#options.isClients(verdict)) {
      this.#pass(answer, verdict);
      for (const piece of held) if (piece.length > 0) this.#relayPiece(this.#options.redact(piece));
    } else {
      this.#exchange?.abort();
      this.#settle({ kind: 'again', verdict, failure: undefined });
    }
  }

  /** From here on the answer is the client's. */
  #pass(answer: { status: number; bodyError: unknown }, verdict?: Verdict): void {
    const head = this.#head!;
    this.#verdict = verdict ?? this.#options.judge({ ...answer, headers: head.headers, failure: undefined });
    this.#state = 'relaying';
    this.#relay.onHead(head);
  }

  #relayPiece(piece: Buffer): void {
    this.#limits.firstByte();
    if (!this.#isSession) this.#readUsage(piece);
    if (this.#watching) {
      this.#createdHead += piece.toString('latin1', 0, CREATED_ID_BYTES - this.#createdHead.length);
      this.#watching =
        !this.#options.watchObjects!(this.#createdHead) && this.#createdHead.length < CREATED_ID_BYTES;
    }
    this.#relay.onData(piece);
  }

  #readUsage(piece: Buffer): void {
    // Nearly every answer that is no stream comes in one piece.
    if (this.#reader === undefined && piece.length === this.#head!.length && isJson(this.#contentType)) {
      this.#usage = usageOfJson(piece);
      return;
    }
    this.#reader ??= new UsageReader({ contentType: this.#contentType });
    this.#reader.push(piece);
  }

  #onRelayed(outcome: Outcome): void {
    switch (outcome.kind) {
      case 'answered':
        this.#settle({ kind: 'relayed', verdict: this.#verdict! });
        break;
      case 'client-left':
        this.#settle({ kind: 'client-left' });
        break;
      case 'broken':
        this.#settle({ kind: 'broken', failure: outcome.failure });
        break;
      case 'failed': {
        // The upload was too large: that is the client's to know, and nobody else's fault.
        const { failure } = outcome;
        const verdict = this.#options.judge({ status: 0, headers: [], bodyError: undefined, failure });
        this.#settle({ kind: 'again', verdict, failure });
      }
    }
  }

  onTimeout(which: Limit): void {
    const failure: WireFailure = {
      code: 'ERR_UPSTREAM_TIMEOUT',
      message: 'The upstream did not answer in time',
      cause: new Error(`${which} timeout`),
      nothingSent: false,
      reusedConnection: false,
      answerBegun: this.#state !== 'waiting',
    };
    this.#exchange?.abort();
    this.onFailure(failure);
  }

  #awaitPacket(): void {
    if (this.#state === 'relaying') this.#limits.awaitPacket();
  }

  #settle(outcome: PooledOutcome): void {
    if (this.#state === 'over') return;
    this.#state = 'over';
    // An upload has no other try.
    if (outcome.kind === 'again') this.#relay.dropBody();
    this.#limits.end();
    if (this.#longPeek !== undefined) clearTimeout(this.#longPeek);
    this.#options.settle(outcome, this.#usage ?? this.#reader?.end());
  }
}

/** A compressed one cannot be looked into. */
function isReadableStream({ headers }: ResponseHead, contentType: string | undefined): boolean {
  return (
    /^text\/event-stream/i.test(contentType ?? '') &&
    /^(identity)?$/i.test(fieldValue(headers, 'content-encoding') ?? '')
  );
}

/** The JSON of a body, or its text where it is none. */
export function parsedJson(body: Buffer): unknown {
  const text = body.toString('utf8');
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return text;
    throw error;
  }
}
