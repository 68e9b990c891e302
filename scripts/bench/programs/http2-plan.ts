/** What the origin has seen so far, but for requests for these counts. */
export interface OriginCounts {
  /** Requests over HTTP/1.1. */
  http1: number;
  /** Requests over HTTP/2. */
  http2: number;
  connections: number;
}
