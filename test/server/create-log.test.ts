import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import test, { type ExecutionContext } from 'ava';
import { Secret } from '../../src/base/secret.ts';
import { createLog, type LogSettings } from '../../src/server/create-log.ts';

const NOON_MS = Date.parse('2026-03-01T12:00:00Z');

function setUp(t: ExecutionContext, changes: Partial<LogSettings> = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'switchyard-log-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const stdout = new PassThrough();
  const log = createLog(
    { nodeEnv: 'production', logDir: folder, logLevel: 'info', logKeepDays: 14, timeZone: 'UTC', ...changes },
    { nowMs: () => NOON_MS, stdout },
  );
  return { folder, log, shown: () => String(stdout.read() ?? '') };
}

test('in production every line is JSON, in the daily file and on stdout alike', t => {
  const { folder, log, shown } = setUp(t);
  log.child({ part: 'proxy' }).warn({ requestId: 'r-1' }, 'upstream refused');
  const text = readFileSync(join(folder, 'switchyard_2026-03-01.log'), 'utf8');
  t.is(shown(), text);
  const line = JSON.parse(text) as Record<string, unknown>;
  t.like(line, { level: 40, part: 'proxy', requestId: 'r-1', msg: 'upstream refused' });
  t.regex(String(line.time), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
});

test('lines below the level are not written', t => {
  const { folder, log, shown } = setUp(t, { logLevel: 'warn' });
  log.info('quiet');
  log.error('loud');
  t.false(shown().includes('quiet'));
  t.regex(readFileSync(join(folder, 'switchyard_2026-03-01.log'), 'utf8'), /^[^\n]*"msg":"loud"[^\n]*\n$/);
});

test('debug lines reach file and stdout when the level asks for them', t => {
  const { folder, log, shown } = setUp(t, { logLevel: 'debug' });
  log.debug('detail');
  t.true(shown().includes('detail'));
  t.true(readFileSync(join(folder, 'switchyard_2026-03-01.log'), 'utf8').includes('detail'));
});

test('in development lines are for people and no file is made', t => {
  const { folder, log, shown } = setUp(t, { nodeEnv: 'development' });
  log.info('listening');
  t.regex(shown(), /INFO.*listening/);
  t.deepEqual(readdirSync(folder), []);
});

for (const nodeEnv of ['production', 'development'] as const) {
  test(`credentials that slip into a logged object are not written in ${nodeEnv}`, t => {
    const { folder, log, shown } = setUp(t, { nodeEnv });
    const hidden = 'sk-do-not-show-0123456789';
    log.info(
      {
        authorization: `Bearer ${hidden}`,
        headers: { 'x-api-key': hidden },
        rawHeaders: ['Authorization', hidden],
        key: hidden,
        request: { headers: { authorization: hidden }, cookie: hidden, apiKey: hidden, token: hidden },
        wrapped: { deeper: new Secret(hidden) },
      },
      'request',
    );
    const text = shown();
    const files = readdirSync(folder).map(name => readFileSync(join(folder, name), 'utf8'));
    t.regex(text, /request/);
    t.false([text, ...files].some(written => written.includes(hidden)));
  });
}

test('a log folder that cannot be written refuses with one line that names the setting', t => {
  const folder = mkdtempSync(join(tmpdir(), 'switchyard-log-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, 'file'), '');
  const error = t.throws(() =>
    createLog({
      nodeEnv: 'production',
      logDir: join(folder, 'file'),
      logLevel: 'info',
      logKeepDays: 1,
      timeZone: '',
    }),
  );
  t.regex(error.message, /^Expected `LOG_DIR` [^\n]+$/);
});
