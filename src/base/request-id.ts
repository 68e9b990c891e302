import { randomBytes } from 'node:crypto';

const processPart = randomBytes(5).toString('hex');
let count = 0;

/** A short id, unique over all processes, that stands in an error answer and in the log line about it. */
export function nextRequestId(): string {
  count += 1;
  return `${processPart}-${count.toString(36)}`;
}
