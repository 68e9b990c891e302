import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import test, { type ExecutionContext } from 'ava';
import pino from 'pino';
import { AppError } from '../../src/base/errors.ts';
import type { Log } from '../../src/base/log.ts';
import { Secret } from '../../src/base/secret.ts';
import { ADMIN_TOKEN, loadSecret } from '../../src/server/generated-secret.ts';

function place(t: ExecutionContext): { folder: string; log: Log; logged: () => string } {
  const parent = mkdtempSync(join(tmpdir(), 'switchyard-secret-'));
  t.teardown(() => rmSync(parent, { recursive: true, force: true }));
  let text = '';
  const sink = new Writable({
    write(chunk, _encoding, done) {
      text += String(chunk);
      done();
    },
  });
  return { folder: join(parent, 'data'), log: pino(sink), logged: () => text };
}

test('a configured secret is used and nothing is written', async t => {
  const { folder, log, logged } = place(t);
  const configured = new Secret('configured-admin-token');
  t.is(await loadSecret({ of: ADMIN_TOKEN, configured, folder, log }), configured);
  t.false(existsSync(folder));
  t.is(logged(), '');
});

test('the first start generates a secret for the owner alone, later ones read it; the log says where, never what', async t => {
  const { folder, log, logged } = place(t);
  const first = await loadSecret({ of: ADMIN_TOKEN, configured: undefined, folder, log });
  const file = join(folder, 'admin-token');
  t.is(readFileSync(file, 'utf8'), `${first.reveal()}\n`);
  t.is(statSync(file).mode & 0o777, 0o600);
  t.true(first.reveal().length >= 43);
  t.deepEqual(readdirSync(folder), ['admin-token']);
  t.true(logged().includes(file));
  t.false(logged().includes(first.reveal()));
  const lines = logged().split('\n').length;

  const second = await loadSecret({ of: ADMIN_TOKEN, configured: undefined, folder, log });
  t.is(second.reveal(), first.reveal());
  t.is(logged().split('\n').length, lines);
});

test('processes that start together agree on one secret, and one of them says so', async t => {
  const { folder, log, logged } = place(t);
  const secrets = await Promise.all(
    Array.from({ length: 20 }, () => loadSecret({ of: ADMIN_TOKEN, configured: undefined, folder, log })),
  );
  t.is(new Set(secrets.map(secret => secret.reveal())).size, 1);
  t.deepEqual(readdirSync(folder), ['admin-token']);
  t.is(logged().match(/generated/g)?.length, 1);
});

test('a file that somebody wrote is taken as it is, and one that others may read is warned about', async t => {
  const { folder, log, logged } = place(t);
  await loadSecret({ of: ADMIN_TOKEN, configured: undefined, folder, log });
  const file = join(folder, 'admin-token');
  writeFileSync(file, '  my-own-admin-token  \n');
  chmodSync(file, 0o644);
  t.is(
    (await loadSecret({ of: ADMIN_TOKEN, configured: undefined, folder, log })).reveal(),
    'my-own-admin-token',
  );
  t.regex(logged(), /0600/);
  t.false(logged().includes('my-own-admin-token'));
});

for (const [title, content] of [
  ['empty', ''],
  ['short', 'short\n'],
  ['not printable', 'with spaces in it, and long enough'],
] as const) {
  test(`a file that is ${title} stops the start with words for the operator`, async t => {
    const { folder, log } = place(t);
    await loadSecret({ of: ADMIN_TOKEN, configured: undefined, folder, log });
    writeFileSync(join(folder, 'admin-token'), content);
    const error = await t.throwsAsync(loadSecret({ of: ADMIN_TOKEN, configured: undefined, folder, log }), {
      instanceOf: AppError,
    });
    t.regex(error.message, /admin-token` to hold at least 16 printable characters; delete it/);
    if (content !== '') t.false(error.message.includes(content.trim()));
  });
}

test('a folder that cannot be one stops the start with the reason', async t => {
  const { folder, log } = place(t);
  writeFileSync(folder, 'a file in the place of the folder');
  const error = await t.throwsAsync(loadSecret({ of: ADMIN_TOKEN, configured: undefined, folder, log }), {
    instanceOf: AppError,
  });
  t.regex(error.message, /got (EEXIST|ENOTDIR); set ADMIN_TOKEN or mend DATA_DIR$/);
});
