import type { ResponseHead, WireExchange, WireFailure, WireHandler, WireRequest } from '../wire/types.ts';
import type { Upstream } from '../wire/upstream.ts';

/** What came of a request of our own. */
export interface Asked {
  /** `undefined` where no answer began. */
  readonly head: ResponseHead | undefined;
  /** Its beginning, up to the limit. */
  readonly body: Buffer;
  readonly failure: WireFailure | undefined;
}

export interface AskOptions {
  readonly wholeBody?: Buffer | undefined;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  /** How much of the answer's body is kept; the exchange ends when it is full. 0: the head is enough. */
  readonly bodyBytes: number;
}

/** Sends a request of our own, on the way that clients' requests take. Never rejects. */
export function ask(upstream: Upstream, request: WireRequest, options: AskOptions): Promise<Asked> {
  return new Promise(resolve => {
    let head: ResponseHead | undefined;
    let exchange: WireExchange | undefined;
    const pieces: Buffer[] = [];
    let bytes = 0;
    const settle = (failure?: WireFailure) => {
      clearTimeout(timer);
      options.signal?.removeEventListener('abort', onAbort);
      exchange?.abort();
      resolve({ head, body: Buffer.concat(pieces), failure });
    };
    const giveUp = (code: 'ERR_UPSTREAM_TIMEOUT' | 'ERR_CLIENT_CLOSED') =>
      settle({
        code,
        message: 'The request was given up',
        cause: undefined,
        nothingSent: false,
        reusedConnection: false,
        answerBegun: head !== undefined,
      });
    const onAbort = () => giveUp('ERR_CLIENT_CLOSED');
    const timer = setTimeout(() => giveUp('ERR_UPSTREAM_TIMEOUT'), options.timeoutMs);
    options.signal?.addEventListener('abort', onAbort);
    const handler: WireHandler = {
      onInformational() {},
      onHead: received => {
        head = received;
        if (options.bodyBytes === 0) settle();
      },
      onData: piece => {
        pieces.push(Buffer.from(piece));
        bytes += piece.length;
        if (bytes >= options.bodyBytes) settle();
      },
      onPacketEnd: () => true,
      onEnd: () => settle(),
      onUpgrade() {},
      onDrain() {},
      onFailure: settle,
    };
    exchange = upstream.send(request, handler, { wholeBody: options.wholeBody });
  });
}
