/** Circuit breakers, one per upstream. Time is passed in. */
export class Circuits {
  constructor(_options: { readonly threshold: number; readonly openMs: number }) {}
  configure(_options: { readonly threshold: number; readonly openMs: number }): void {}
  /** Whether requests must keep away from an upstream now. Changes nothing: fit for `LeaseRequest.avoids`. */
  isOpen(_upstream: string, _nowMs: number): boolean {
    return false;
  }
  /**
   * Asks to send one request. True while closed; once the open time is over true for one probe, whose `report` closes
   * the circuit or opens it again. Every true is followed by one `report`.
   */
  admit(_upstream: string, _nowMs: number): boolean {
    return true;
  }
  report(_upstream: string, _outcome: 'success' | 'none' | 'strike', _nowMs: number): void {}
  /** When the soonest of these may be asked again: ms from now, 0 when one may now. */
  retryAfterMs(_upstreams: Iterable<string>, _nowMs: number): number {
    return 0;
  }
}
