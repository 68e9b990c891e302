import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { pino } from 'pino';
import { Calendar, DAY_MS } from '../../../src/domain/statistics/calendar.ts';
import { Flusher, type SpooledCounters } from '../../../src/domain/statistics/flusher.ts';
import { Recorder } from '../../../src/domain/statistics/recorder.ts';
import { WINDOW_NAMES } from '../../../src/domain/statistics/window-plan.ts';
import { WindowReader } from '../../../src/domain/statistics/windows.ts';
import { jsonFile } from '../../../src/stores/json-file.ts';
import { openSqlite } from '../../../src/stores/sqlite/open-sqlite.ts';
import { NOON_MS, recordAll } from './exchange.ts';

test('counts go through the embedded store and are still there after a restart', async t => {
  const folder = await mkdtemp(join(tmpdir(), 'switchyard-statistics-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const log = pino({ level: 'silent' });
  const calendar = new Calendar('America/Santiago');
  const nowMs = NOON_MS + 40 * DAY_MS;
  for (const run of [1, 2]) {
    const stores = await openSqlite(folder);
    const recorder = new Recorder({ calendar });
    const spool = jsonFile<SpooledCounters>(join(folder, 'counters.json'), log);
    const flusher = new Flusher({ recorder, store: stores.statistics, spool, log, nowMs: () => nowMs });
    await flusher.start();
    recordAll(recorder, [
      { endedAtMs: nowMs },
      { endedAtMs: nowMs - 5 * DAY_MS, status: 500 },
      { endedAtMs: nowMs - 20 * DAY_MS, prefix: '/claude' },
      { endedAtMs: nowMs - 39 * DAY_MS },
    ]);
    await flusher.flush();
    const reader = new WindowReader({ store: stores.statistics, calendar });
    const requests: number[] = [];
    for (const window of WINDOW_NAMES) {
      const { totals, prefixes } = await reader.read({ window, nowMs, withEndpoints: true });
      requests.push(totals.requests / run);
      t.is(prefixes[0]!.endpoints![0]!.endpoint, 'POST /v1/chat/completions');
      t.is(prefixes[0]!.last_seen_ms, nowMs);
    }
    t.deepEqual(requests, [1, 2, 3, 4]);
    await flusher.stop();
    await stores.close();
  }
});
