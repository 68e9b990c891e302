import test from 'ava';
import { NOW_MS, openPool } from './pool-harness.ts';

test('reports of tokens are asked for what the query says', async t => {
  const asked: unknown[] = [];
  const { ask } = await openPool(t, {
    tokens: {
      readUsage: async query => {
        asked.push(query);
        return { ...query, fromMs: null, toMs: null, totals: {} as never, rows: [] };
      },
    },
  });
  t.is((await ask('GET', '/admin/token/usage')).status, 200);
  t.is((await ask('GET', '/admin/token/usage?window=7d&by=model')).status, 200);
  t.deepEqual(asked, [
    { window: 'total', by: 'key', nowMs: NOW_MS },
    { window: '7d', by: 'model', nowMs: NOW_MS },
  ]);
  t.is((await ask('GET', '/admin/token/usage?window=1y')).error.field, 'window');
  t.is((await ask('GET', '/admin/token/usage?by=client')).error.field, 'by');
  t.is((await ask('GET', '/admin/token/summary')).json.timeZone, 'UTC');
});

test('token counts are synced and cleaned up on demand', async t => {
  const cleaned: number[] = [];
  const { ask } = await openPool(t, {
    tokens: {
      sync: async () => 42,
      cleanUp: async beforeMs => {
        cleaned.push(beforeMs);
      },
    },
  });
  t.deepEqual((await ask('POST', '/admin/token/sync')).json, { syncedAtMs: NOW_MS, keys: 42 });
  const beforeMs = NOW_MS - 30 * 86_400_000;
  t.deepEqual((await ask('POST', '/admin/token/cleanup', { days: 30 })).json, { beforeMs });
  for (const days of [0, 1.5, '30', undefined, 3651]) {
    t.is((await ask('POST', '/admin/token/cleanup', { days })).error.field, 'days');
  }
  t.deepEqual(cleaned, [beforeMs]);
});
