/** Events a second on each steady stream. */
export const EVENTS_PER_SECOND = 20;

/** Events of a paced stream, without `[DONE]`. */
export const PACED_EVENTS = 6;

/** What `event-load.ts` is to do. */
export interface EventLoadTask {
  readonly port: number;
  readonly path: string;
  readonly streams: number;
  readonly seconds: number;
  /** Time for the proxy to come to rest before its memory is read, and before what is measured begins. */
  readonly settleMs: number;
  /** Process of the proxy. */
  readonly pid: number;
}

export interface EventLoadReport {
  readonly eventsPerSecond: number;
  readonly cpuUsPerEvent: number;
  readonly residentKbPerStream: number;
}

/** What `first-event-load.ts` is to do. */
export interface FirstEventTask {
  readonly port: number;
  readonly path: string;
  readonly streams: number;
  /** Streams open at the same time. */
  readonly atOnce: number;
}

/** How long events were on their way, in ms. */
export interface FirstEventReport {
  readonly firstMs: readonly number[];
  readonly laterMs: readonly number[];
}
