import type { Socket } from 'node:net';
import type { WireExchange } from '../wire/types.ts';

/** After a protocol switch: raw bytes both ways, with back-pressure, half-close, and both ends closed together. */
export class Tunnel {
  readonly #client: Socket;
  readonly #exchange: WireExchange;
  readonly #events: { readonly onBytes: (count: number) => void; readonly onClosed: () => void };

  constructor(
    client: Socket,
    exchange: WireExchange,
    events: { readonly onBytes: (count: number) => void; readonly onClosed: () => void },
  ) {
    this.#client = client;
    this.#exchange = exchange;
    this.#events = events;
  }

  /**
   * Tells the client of the switch and begins.
   *
   * @param headText the 101 with its fields
   * @param early bytes that came with the request: they go upstream only now, after its 101 (RFC 9931 §4)
   */
  open(headText: string, early: Buffer): void {
    const client = this.#client;
    client.setTimeout(0);
    client.setNoDelay(true);
    client.write(headText, 'latin1');
    if (early.length > 0) this.#toUpstream(early);
    client.on('data', (piece: Buffer) => this.#toUpstream(piece));
    client.on('end', () => this.#exchange.end());
    client.on('drain', () => this.#exchange.resume());
    client.on('close', () => {
      this.#exchange.abort();
      this.#events.onClosed();
    });
  }

  /** @param piece memory that is reused. False: the client reads too slowly */
  toClient(piece: Buffer): boolean {
    return this.#client.write(Buffer.from(piece));
  }

  resumeClient(): void {
    this.#client.resume();
  }

  upstreamEnded(): void {
    this.#client.end();
  }

  destroy(): void {
    this.#client.destroy();
  }

  #toUpstream(piece: Buffer): void {
    this.#events.onBytes(piece.length);
    if (!this.#exchange.write(piece)) this.#client.pause();
  }
}
