/** One whole request, as an origin sees it. */
export interface PlainRequest {
  /** Request target. */
  readonly path: string;
  /** All of the head, latin1. */
  readonly head: string;
  readonly body: string;
}

/**
 * Takes whole requests with `Content-Length` off a connection, with as little work as possible: an origin must not be
 * what the bench measures.
 *
 * @returns takes what arrived
 */
export function requestParser(onRequest: (request: PlainRequest) => void): (piece: Buffer) => void {
  let text = '';
  return piece => {
    text += piece.toString('latin1');
    for (;;) {
      const headEnd = text.indexOf('\r\n\r\n');
      if (headEnd === -1) return;
      const head = text.slice(0, headEnd + 2);
      const length = /\r\ncontent-length: *(\d+)\r\n/i.exec(head);
      const end = headEnd + 4 + (length === null ? 0 : Number(length[1]));
      if (text.length < end) return;
      const body = text.slice(headEnd + 4, end);
      text = text.slice(end);
      const pathStart = head.indexOf(' ') + 1;
      onRequest({ path: head.slice(pathStart, head.indexOf(' ', pathStart)), head, body });
    }
  };
}
