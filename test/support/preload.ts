// Loaded into the server's process before its own code (`node --import`), where a test needs what only that process can
// know or do: names that resolve to what the test says, and a report of what the process holds.
import dns from 'node:dns';
import { readdirSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

/** Names and the addresses they resolve to; every other name resolves as usual. */
const names = new Map(Object.entries(JSON.parse(process.env.E2E_NAMES ?? '{}') as Record<string, string[]>));

if (names.size > 0) {
  const lookup = dns.lookup;
  const answer = (hostname: string, options: dns.LookupOptions, callback: (...result: unknown[]) => void) => {
    const addresses = names.get(hostname);
    if (addresses === undefined) return lookup(hostname, options, callback as never);
    const found = addresses.map(address => ({ address, family: address.includes(':') ? 6 : 4 }));
    if (options.all === true) process.nextTick(callback, null, found);
    else process.nextTick(callback, null, found[0]!.address, found[0]!.family);
  };
  dns.lookup = answer as never;
  syncBuiltinESMExports();
}

export interface ProcessReport {
  /** `process.getActiveResourcesInfo()`: each kind and how many there are. */
  readonly resources: Readonly<Record<string, number>>;
  /** Open file descriptors. */
  readonly descriptors: number;
  /** After a collection of garbage. */
  readonly heapBytes: number;
}

if (process.send !== undefined) {
  process.on('message', question => {
    if (question === 'report') process.send!(report());
  });
  // The listener alone must not keep the process alive.
  process.channel!.unref();
}

function report(): ProcessReport {
  const resources: Record<string, number> = {};
  for (const name of process.getActiveResourcesInfo()) resources[name] = (resources[name] ?? 0) + 1;
  globalThis.gc?.();
  return {
    resources,
    descriptors: readdirSync('/proc/self/fd').length,
    heapBytes: process.memoryUsage().heapUsed,
  };
}
