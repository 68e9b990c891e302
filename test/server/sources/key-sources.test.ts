import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { Secret } from '../../../src/base/secret.ts';
import type { KeySourceName, LiveKey } from '../../../src/domain/pool/types.ts';
import { detectProvider } from '../../../src/openai/providers.ts';
import { KeySources, type KeySourcesOptions } from '../../../src/server/sources/key-sources.ts';
import { createSealer } from '../../../src/stores/sealing.ts';
import { openSqlite } from '../../../src/stores/sqlite/open-sqlite.ts';
import { capturedLog } from '../../support/captured-log.ts';
import { accessToken, openPost, refreshToken, TokenEndpoint } from './token-endpoint.ts';

const START_MS = Date.UTC(2026, 0, 15, 12);
const HOUR_MS = 3_600_000;

async function installation(t: ExecutionContext, seed = 'the-refresh-token-at-first') {
  const folder = mkdtempSync(join(tmpdir(), 'switchyard-sources-'));
  const stores = await openSqlite(folder);
  const endpoint = await TokenEndpoint.start(t, seed);
  const sealer = createSealer({ current: randomBytes(32) });
  const captured = capturedLog();
  const clock = { nowMs: START_MS };
  const authFile = join(folder, 'auth.json');
  const keysFile = join(folder, 'factory_keys.txt');
  t.teardown(async () => {
    await stores.close();
    rmSync(folder, { recursive: true });
    const written = captured.lines.join('');
    if ([seed, ...endpoint.secrets].some(secret => written.includes(secret))) {
      throw new Error('Expected no token in the log');
    }
  });

  const post = openPost(t);
  function process(options: Partial<KeySourcesOptions> = {}) {
    const held = new Map<KeySourceName, LiveKey[]>();
    const waiting: { source: KeySourceName; secret: string | undefined; done: () => void }[] = [];
    const secretsOf = (source: KeySourceName) =>
      (held.get(source) ?? []).map(({ secret }) => secret.reveal());
    const sources = new KeySources({
      environmentKeys: [],
      keysFile,
      refreshKey: undefined,
      authFile,
      tokenUrl: endpoint.url,
      clientId: 'client',
      post,
      holder: randomUUID(),
      stores: stores.pool,
      sealer,
      detectProvider,
      pool: {
        replaceAll(source, keys) {
          held.set(source, [...keys]);
          for (const wait of waiting) if (secretsOf(wait.source)[0] === wait.secret) wait.done();
        },
      },
      log: captured.log,
      nowMs: () => clock.nowMs,
      random: () => 0,
      ...options,
    });
    t.teardown(() => sources.stop());
    return {
      sources,
      held,
      secretsOf,
      /** Resolves when the first key of a source is this one. */
      serves: (source: KeySourceName, secret: string | undefined) =>
        secretsOf(source)[0] === secret
          ? Promise.resolve()
          : new Promise<void>(done => waiting.push({ source, secret, done })),
    };
  }
  return { endpoint, captured, clock, authFile, keysFile, process };
}

test('without any setting all sources are off', async t => {
  const { process } = await installation(t);
  const { sources, secretsOf } = process();
  await sources.start();
  t.deepEqual(
    sources.status(),
    (['environment', 'file', 'oauth', 'auth-file'] as const).map(source => ({
      source,
      keys: 0,
      state: 'off' as const,
      detail: '',
    })),
  );
  t.deepEqual(secretsOf('environment'), []);
});

test('keys of the environment and of the file are in the pool, each once, under their providers', async t => {
  const { keysFile, process } = await installation(t);
  writeFileSync(keysFile, 'fk-1\nsk-ant-2\nxai-3\n');
  const { sources, held, secretsOf } = process({
    environmentKeys: ['fk-1', 'AIza-4', 'fk-1', 'plain'].map(text => new Secret(text)),
  });
  await sources.start();
  t.deepEqual(secretsOf('environment'), ['fk-1', 'AIza-4', 'plain']);
  t.deepEqual(
    held.get('environment')!.map(({ provider }) => provider),
    ['factory', 'gemini', 'openai'],
  );
  t.deepEqual(secretsOf('file'), ['sk-ant-2', 'xai-3']);
  t.deepEqual(
    sources.status().map(({ source, keys, state }) => [source, keys, state]),
    [
      ['environment', 3, 'ok'],
      ['file', 2, 'ok'],
      ['oauth', 0, 'off'],
      ['auth-file', 0, 'off'],
    ],
  );
});

test('the login of the environment gives one key that stays the same while its token changes', async t => {
  const { process } = await installation(t);
  const refreshKey = new Secret('the-refresh-token-at-first');
  const one = process({ refreshKey });
  await one.sources.start();
  await one.serves('oauth', accessToken(1));
  const [key] = one.held.get('oauth')!;
  t.like(key, { id: 'oauth', source: 'oauth', provider: 'factory', hint: '…oint' });
  t.like(one.sources.status()[2], { source: 'oauth', keys: 1, state: 'ok' });
});

test('an auth.json is refreshed and written back for the owner alone, before its token is used', async t => {
  const { authFile, endpoint, clock, process } = await installation(t);
  const before = {
    user: 'x',
    refresh_token: 'the-refresh-token-at-first',
    api_key: 'old-access-token-of-the-file',
    expires_at: START_MS + HOUR_MS,
  };
  writeFileSync(authFile, JSON.stringify(before), { mode: 0o644 });
  const gate = Promise.withResolvers<void>();
  endpoint.gate = gate.promise;
  const one = process();
  const arrival = endpoint.arrival();
  await one.sources.start();
  t.deepEqual(one.secretsOf('auth-file'), ['old-access-token-of-the-file'], 'the old one serves meanwhile');
  await arrival;
  gate.resolve();
  await one.serves('auth-file', accessToken(1));
  t.deepEqual(JSON.parse(readFileSync(authFile, 'utf8')), {
    user: 'x',
    refresh_token: refreshToken(1),
    api_key: accessToken(1),
    expires_at: clock.nowMs + 8 * HOUR_MS,
    last_refresh: clock.nowMs,
  });
  t.is(statSync(authFile).mode & 0o777, 0o600);
  t.like(one.sources.status()[3], { source: 'auth-file', keys: 1, state: 'ok' });
});

test('processes that share an auth.json refresh it once', async t => {
  const { authFile, endpoint, process } = await installation(t);
  writeFileSync(authFile, JSON.stringify({ refresh_token: 'the-refresh-token-at-first' }));
  const all = [process(), process(), process()];
  await Promise.all(all.map(({ sources }) => sources.start()));
  await Promise.all(all.map(({ serves }) => serves('auth-file', accessToken(1))));
  t.is(endpoint.requests, 1);
});

test('an auth.json that somebody replaces is taken over, one that is damaged leaves its token in use', async t => {
  const { authFile, endpoint, process } = await installation(t);
  writeFileSync(authFile, JSON.stringify({ api_key: 'fixed-key-1' }));
  const one = process();
  await one.sources.start();
  t.deepEqual(one.secretsOf('auth-file'), ['fixed-key-1']);
  t.like(one.sources.status()[3], { state: 'ok', detail: 'the access token has no known end' });
  writeFileSync(authFile, JSON.stringify({ api_key: 'fixed-key-2' }));
  await one.serves('auth-file', 'fixed-key-2');
  const damaged = process();
  writeFileSync(authFile, '{"api_key":');
  await damaged.sources.start();
  t.like(damaged.sources.status()[3], {
    keys: 0,
    state: 'failing',
    detail: 'the tokens cannot be read: Expected `auth.json` to be a JSON object, got something else',
  });
  t.deepEqual(one.secretsOf('auth-file'), ['fixed-key-2']);
  rmSync(authFile);
  await one.serves('auth-file', undefined);
  t.like(one.sources.status()[3], { keys: 0, state: 'off' });
  t.is(endpoint.requests, 0);
});

test('a link to an auth.json stays a link', async t => {
  const { authFile, process } = await installation(t);
  const real = `${authFile}.real`;
  writeFileSync(real, JSON.stringify({ refresh_token: 'the-refresh-token-at-first' }));
  symlinkSync(real, authFile);
  const one = process();
  await one.sources.start();
  await one.serves('auth-file', accessToken(1));
  t.is(JSON.parse(readFileSync(real, 'utf8')).api_key, accessToken(1));
});

test('a stop ends everything, also before a start', async t => {
  const { process } = await installation(t);
  const never = process();
  await never.sources.stop();
  const one = process({ refreshKey: new Secret('the-refresh-token-at-first') });
  await one.sources.start();
  await one.sources.stop();
  t.is(one.secretsOf('oauth').length, 1, 'what was under way was brought to its end');
});
