import type { Dial } from './dial.ts';
import { NegotiatedUpstream } from './http2-upstream.ts';
import type { Endpoint } from './types.ts';
import { Http1Upstream, type Upstream } from './upstream.ts';

/** Opens the way to an endpoint; no connection is made before the first request. */
export function openUpstream(endpoint: Endpoint, dial: Dial): Upstream {
  return endpoint.http2 === true ? new NegotiatedUpstream(endpoint, dial) : new Http1Upstream(endpoint, dial);
}
