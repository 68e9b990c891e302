import type { ChainableCommander } from 'ioredis';

/** Sends what was collected and gives the replies, or throws the first error among them. */
export async function allOf(commands: ChainableCommander): Promise<unknown[]> {
  const results = (await commands.exec()) ?? [];
  return results.map(([error, reply]) => {
    if (error !== null) throw error;
    return reply;
  });
}

/** The items in groups of `size`, the last one smaller. */
export function portions<T>(items: readonly T[], size: number): T[][] {
  const result: T[][] = [];
  for (let from = 0; from < items.length; from += size) result.push(items.slice(from, from + size));
  return result;
}
