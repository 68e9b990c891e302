/** What the beginning of an event stream has turned out to be. `body` is the error as JSON, or its text. */
export type PeekVerdict =
  | 'more'
  | 'ok'
  | { readonly error: { readonly status: number; readonly body: unknown } };

/** Holds the beginning of an event stream until it is known not to be an error. */
export class EventPeek {
  #held: Buffer[] = [];

  /** Takes the next piece (copied). After anything but `more` no further call is allowed. */
  push(piece: Buffer): PeekVerdict {
    this.#held.push(Buffer.from(piece));
    return 'ok';
  }

  /** The stream has ended while the verdict was `more`. */
  end(): Exclude<PeekVerdict, 'more'> {
    return this.#held.length > 0 ? 'ok' : { error: { status: 502, body: '' } };
  }

  /** All bytes so far, to be relayed once the verdict is `ok`. */
  get held(): Buffer {
    return Buffer.concat(this.#held);
  }
}
