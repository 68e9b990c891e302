import { EventSplitter } from './event-splitter.ts';
import { errorIn, type StreamError } from './stream-error.ts';

/**
 * What the beginning of an event stream has turned out to be: not known yet, an answer, or an error with the status it
 * would have had as an answer of its own.
 */
export type PeekVerdict = 'more' | 'ok' | { readonly error: StreamError };

const LIMIT_BYTES = 64 * 1024;

/**
 * Holds the beginning of an event stream until it is known not to be an error. Events that only open the answer
 * (Anthropic's `message_start`, Responses' `response.created`, a chunk with a role and nothing else) decide nothing:
 * vendors send their errors after those too. At 64 KiB it is an answer.
 */
export class EventPeek {
  readonly #pieces: Buffer[] = [];
  #heldBytes = 0;
  readonly #events = new EventSplitter(LIMIT_BYTES, (data, name) => this.#judge(data, name));
  #firstByte = 0;
  #opened = false;
  #verdict: PeekVerdict = 'more';

  /** Takes the next piece and keeps a copy. After another verdict than `more` there is nothing more to push. */
  push(piece: Buffer): PeekVerdict {
    this.#pieces.push(Buffer.from(piece));
    this.#heldBytes += piece.length;
    if (this.#firstByte === 0) this.#firstByte = piece.find(byte => byte > 0x20) ?? 0;
    if (!this.#isBareJson) this.#events.push(piece);
    if (this.#verdict === 'more' && this.#heldBytes >= LIMIT_BYTES) this.#verdict = 'ok';
    return this.#verdict;
  }

  /** The stream has ended while the verdict was `more`. One without any event is an error, 502. */
  end(): Exclude<PeekVerdict, 'more'> {
    if (this.#isBareJson) this.#judge(this.held, '');
    else this.#events.end();
    if (this.#verdict !== 'more') return this.#verdict;
    return this.#opened ? 'ok' : { error: { status: 502, body: undefined } };
  }

  /** All bytes so far, as they came. */
  get held(): Buffer {
    return this.#pieces.length === 1 ? this.#pieces[0]! : Buffer.concat(this.#pieces, this.#heldBytes);
  }

  /**
   * The answer has begun well, though it has said nothing yet: a model that thinks for long may stay silent from here
   * on, and whoever waits may prefer to let the client see that something is there.
   */
  get opened(): boolean {
    return this.#opened;
  }

  /** Gemini sends errors of a stream as JSON without `data:`. */
  get #isBareJson(): boolean {
    return this.#firstByte === 0x7b || this.#firstByte === 0x5b;
  }

  #judge(data: Buffer, name: string): void {
    if (this.#verdict !== 'more') return;
    const value = parsed(data);
    const error = errorIn(value, name);
    if (error !== undefined) this.#verdict = { error };
    else if (isOpening(value)) this.#opened = true;
    else if (!isKeepAlive(value)) this.#verdict = 'ok';
  }
}

const OPENING = new Set([
  'message_start',
  'content_block_start',
  'response.created',
  'response.queued',
  'response.in_progress',
]);

function isOpening(value: unknown): boolean {
  const { type, choices } = record(value);
  if (typeof type === 'string') return OPENING.has(type);
  return Array.isArray(choices) && choices.length > 0 && choices.every(saysNothing);
}

/** A chunk that names the role and has no content yet. */
function saysNothing(choice: unknown): boolean {
  const { delta, finish_reason: finishReason } = record(choice);
  if (typeof delta !== 'object' || delta === null || (finishReason ?? null) !== null) return false;
  return Object.entries(delta).every(
    ([name, content]) => name === 'role' || content === '' || content === null,
  );
}

function isKeepAlive(value: unknown): boolean {
  const { type } = record(value);
  return type === 'ping' || type === 'keepalive';
}

function parsed(data: Buffer): unknown {
  try {
    return JSON.parse(data.toString());
  } catch (error) {
    if (error instanceof SyntaxError) return data.toString();
    throw error;
  }
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}
