/** What came from the upstream is not HTTP as RFC 9112 has it. The message goes to the log only. */
export class ProtocolError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ProtocolError';
  }
}
