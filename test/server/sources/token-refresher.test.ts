import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { AppError } from '../../../src/base/errors.ts';
import type { TokenVault } from '../../../src/domain/pool/sources/types.ts';
import { loginName, sealedVault } from '../../../src/server/sources/sealed-vault.ts';
import { TokenRefresher } from '../../../src/server/sources/token-refresher.ts';
import { trade } from '../../../src/server/sources/trade.ts';
import { createSealer } from '../../../src/stores/sealing.ts';
import { openSqlite } from '../../../src/stores/sqlite/open-sqlite.ts';
import { capturedLog } from '../../support/captured-log.ts';
import { accessToken, openPost, refreshToken, TokenEndpoint } from './token-endpoint.ts';

const START_MS = Date.UTC(2026, 0, 15, 12);
const HOUR_MS = 3_600_000;
const SEED = 'the-refresh-token-of-the-environment';

/** An installation: one store, one token endpoint, one clock, and as many processes as a test starts. */
async function installation(t: ExecutionContext) {
  const folder = mkdtempSync(join(tmpdir(), 'switchyard-oauth-'));
  const stores = await openSqlite(folder);
  const endpoint = await TokenEndpoint.start(t, SEED);
  const captured = capturedLog();
  const clock = { nowMs: START_MS };
  const sealer = createSealer({ current: randomBytes(32) });
  const ports = { stores: stores.pool, sealer };
  const vault = sealedVault(SEED, ports);
  t.teardown(async () => {
    await stores.close();
    rmSync(folder, { recursive: true });
    const written = captured.lines.join('');
    if ([SEED, ...endpoint.secrets].some(secret => written.includes(secret))) {
      throw new Error('Expected no token in the log');
    }
  });

  const post = openPost(t);
  function process(options: { vault?: TokenVault; dies?: boolean } = {}) {
    const served: (string | undefined)[] = [];
    let next: { task: () => void; delayMs: number } | undefined;
    const refresher = new TokenRefresher({
      name: 'oauth',
      vault: options.vault ?? vault,
      leases: stores.pool.leases,
      leaseName: loginName(SEED),
      holder: randomUUID(),
      trade: token => trade(token, { url: endpoint.url, clientId: 'client', post, nowMs: () => clock.nowMs }),
      onToken: token => served.push(token),
      remedy: 'set a new DROID_REFRESH_KEY',
      lookEveryMs: 60_000,
      log: captured.log,
      nowMs: () => clock.nowMs,
      schedule: (task, delayMs) => {
        next = { task, delayMs };
        return () => {
          next = undefined;
        };
      },
      random: () => 0.5,
    });
    if (options.dies !== true) t.teardown(() => refresher.stop());
    return {
      refresher,
      served,
      get waitMs() {
        return next!.delayMs;
      },
      /** Lets time pass up to `untilMs`, with every round that falls into it. */
      async live(untilMs: number) {
        while (clock.nowMs < untilMs) {
          if (next === undefined) await refresher.round();
          clock.nowMs = Math.min(untilMs, clock.nowMs + next!.delayMs);
          await refresher.round();
        }
      },
      report() {
        const report = refresher.report();
        for (const secret of [SEED, ...endpoint.secrets]) t.false(JSON.stringify(report).includes(secret));
        return report;
      },
    };
  }
  return { stores, endpoint, captured, clock, vault, ports, process };
}

/** A vault whose writing can be held up or fail, and that tells what happened to it. */
function watched(vault: TokenVault) {
  const control = {
    events: [] as string[],
    outage: 'none' as 'none' | 'before' | 'after' | 'silent',
    vault: {
      ...vault,
      async replace(tokens, known) {
        if (control.outage === 'before') throw away();
        const done = await vault.replace(tokens, known);
        if (control.outage === 'after') throw away();
        if (control.outage === 'silent') return new Promise<never>(() => {});
        control.events.push(`saved ${tokens.refreshToken}`);
        return done;
      },
    } satisfies TokenVault as TokenVault,
  };
  return control;
}

function away(): AppError {
  return new AppError('ERR_STORE_UNAVAILABLE', 'Store is away');
}

test('the refresh token of the environment is traded as a form, and the access token serves', async t => {
  const { endpoint, process } = await installation(t);
  const one = process();
  t.deepEqual(one.report(), { keys: 0, state: 'off', detail: '' });
  await one.refresher.start();
  await one.refresher.round();
  t.deepEqual(one.served, [accessToken(1)]);
  t.is(endpoint.contentTypes[0], 'application/x-www-form-urlencoded;charset=UTF-8');
  t.deepEqual(
    [...endpoint.forms[0]!],
    [
      ['grant_type', 'refresh_token'],
      ['refresh_token', SEED],
      ['client_id', 'client'],
    ],
  );
  t.deepEqual(one.report(), {
    keys: 1,
    state: 'ok',
    detail: 'the access token is good until 2026-01-15T20:00:00.000Z',
  });
});

test('it is refreshed every six hours, each time with the refresh token of the time before', async t => {
  const { endpoint, process } = await installation(t);
  const one = process();
  await one.refresher.round();
  await one.live(START_MS + 6 * HOUR_MS - 1);
  t.is(endpoint.requests, 1);
  await one.live(START_MS + 18 * HOUR_MS + 60_000);
  t.deepEqual(
    endpoint.forms.map(form => form.get('refresh_token')),
    [SEED, refreshToken(1), refreshToken(2), refreshToken(3)],
  );
  t.deepEqual(one.served, [1, 2, 3, 4].map(accessToken));
});

test('a short-lived token is refreshed before its end, whatever the six hours', async t => {
  const { endpoint, process } = await installation(t);
  endpoint.extra = { expires_in: 600 };
  const one = process();
  await one.refresher.round();
  await one.live(START_MS + 449_000);
  t.is(endpoint.requests, 1);
  await one.live(START_MS + 455_000);
  t.deepEqual(one.served, [accessToken(1), accessToken(2)]);
});

test('an endpoint that does not replace the refresh token is asked with the same one', async t => {
  const { endpoint, process } = await installation(t);
  endpoint.behaviour = 'keep';
  const one = process();
  await one.refresher.round();
  await one.live(START_MS + 6 * HOUR_MS + 60_000);
  t.deepEqual(
    endpoint.forms.map(form => form.get('refresh_token')),
    [SEED, SEED],
  );
});

test('a new refresh token is saved before its access token is used', async t => {
  const { vault, process } = await installation(t);
  const control = watched(vault);
  const one = process({ vault: control.vault });
  const { served } = one;
  served.push = token => control.events.push(`used ${token}`);
  await one.refresher.round();
  t.deepEqual(control.events, [`saved ${refreshToken(1)}`, `used ${accessToken(1)}`]);
});

test('what is kept is sealed', async t => {
  const { stores, process } = await installation(t);
  await process().refresher.round();
  const [name] = await stores.pool.sealed.names();
  t.is(name, loginName(SEED));
  t.false(name!.includes(SEED));
  const { sealed } = (await stores.pool.sealed.read(name!))!;
  for (const secret of [SEED, accessToken(1), refreshToken(1)]) t.false(sealed.includes(secret));
});

test('a process that died after saving: the next one goes on with what was saved, without a trade', async t => {
  const { endpoint, vault, process } = await installation(t);
  const control = watched(vault);
  control.outage = 'silent';
  const died = process({ vault: control.vault, dies: true });
  const arrival = endpoint.arrival();
  void died.refresher.round();
  await arrival;
  while ((await vault.read())!.version === 0) await new Promise(setImmediate);
  t.deepEqual(died.served, []);
  const next = process();
  await next.refresher.start();
  await next.refresher.round();
  t.deepEqual(next.served, [accessToken(1)]);
  t.is(endpoint.requests, 1);
});

test('a process that died between grant and saving: the old access token serves to its end, and it is said why', async t => {
  const { endpoint, vault, clock, process } = await installation(t);
  const before = process();
  await before.refresher.round();
  clock.nowMs += 6 * HOUR_MS;
  endpoint.behaviour = 'lose-answer';
  await before.refresher.round();
  t.is(endpoint.requests, 2);
  endpoint.behaviour = 'rotate';
  const next = process({ vault });
  await next.refresher.start();
  t.deepEqual(next.served, [accessToken(1)]);
  await next.live(clock.nowMs + 60_000);
  t.like(next.report(), { keys: 1, state: 'failing' });
  t.regex(
    next.report().detail,
    /refused the refresh token \(invalid_grant\): set a new DROID_REFRESH_KEY; .*good until/,
  );
  await next.live(START_MS + 8 * HOUR_MS + 1000);
  t.deepEqual(next.served, [accessToken(1), undefined]);
  t.like(next.report(), { keys: 0, state: 'failing' });
});

test('of instances that refresh at once one trades and all use what it got', async t => {
  const { endpoint, clock, process } = await installation(t);
  const all = Array.from({ length: 5 }, () => process());
  await Promise.all(all.map(({ refresher }) => refresher.round()));
  t.is(endpoint.requests, 1);
  for (const round of [1, 2]) {
    clock.nowMs += 10_000;
    await Promise.all(all.map(({ refresher }) => refresher.round()));
    t.is(endpoint.requests, 1, `round ${round}`);
  }
  for (const { served } of all) t.deepEqual(served, [accessToken(1)]);
  clock.nowMs += 6 * HOUR_MS;
  await Promise.all(all.map(({ refresher }) => refresher.round()));
  clock.nowMs += 10_000;
  await Promise.all(all.map(({ refresher }) => refresher.round()));
  t.is(endpoint.requests, 2);
  for (const { served } of all) t.deepEqual(served, [accessToken(1), accessToken(2)]);
});

test('an instance that lost its turn to a slow one does not trade the same refresh token', async t => {
  const { endpoint, process } = await installation(t);
  const gate = Promise.withResolvers<void>();
  endpoint.gate = gate.promise;
  const slow = process();
  const arrival = endpoint.arrival();
  const done = slow.refresher.round();
  await arrival;
  const other = process();
  await other.refresher.round();
  t.is(other.waitMs, 5000);
  t.deepEqual(other.report(), { keys: 0, state: 'empty', detail: 'waiting for an access token' });
  gate.resolve();
  await done;
  await other.refresher.round();
  t.deepEqual(other.served, [accessToken(1)]);
  t.is(endpoint.requests, 1);
});

test('an instance that gets its turn after another refreshed looks again and does not trade', async t => {
  const { endpoint, vault, process } = await installation(t);
  const first = process();
  let reads = 0;
  const late = process({
    vault: {
      ...vault,
      async read() {
        const kept = await vault.read();
        reads += 1;
        if (reads === 1) await first.refresher.round();
        return kept;
      },
    },
  });
  await late.refresher.round();
  t.deepEqual(late.served, [accessToken(1)]);
  t.is(endpoint.requests, 1);
});

test('while refreshing fails for hours the old token serves to its end, and a recovery is found', async t => {
  const { endpoint, captured, process } = await installation(t);
  const one = process();
  await one.refresher.round();
  endpoint.behaviour = { status: 503, body: 'upstream down' };
  await one.live(START_MS + 8 * HOUR_MS - 1);
  t.deepEqual(one.served, [accessToken(1)]);
  t.like(one.report(), { keys: 1, state: 'failing' });
  t.regex(one.report().detail, /could not be refreshed \(HTTP 503\); the access token is good until/);
  t.true(endpoint.requests > 8 && endpoint.requests < 30, `${endpoint.requests} requests`);
  await one.live(START_MS + 12 * HOUR_MS);
  t.deepEqual(one.served, [accessToken(1), undefined]);
  t.like(one.report(), { keys: 0, state: 'failing' });
  endpoint.behaviour = 'rotate';
  await one.live(START_MS + 12 * HOUR_MS + 600_000);
  t.deepEqual(one.served, [accessToken(1), undefined, accessToken(2)]);
  t.like(one.report(), { keys: 1, state: 'ok' });
  t.true(captured.lines.some(line => line.includes('HTTP 503')));
});

test('waits between attempts double, with jitter, up to ten minutes', async t => {
  const { endpoint, clock, process } = await installation(t);
  endpoint.behaviour = { status: 500 };
  const one = process();
  const attempts: number[] = [];
  while (attempts.length < 9) {
    const { requests } = endpoint;
    await one.refresher.round();
    if (endpoint.requests > requests) attempts.push(clock.nowMs);
    clock.nowMs += 250;
  }
  const waits = attempts.slice(1).map((ms, index) => Math.floor((ms - attempts[index]!) / 1000));
  t.deepEqual(waits, [7, 15, 30, 60, 120, 240, 450, 450]);
});

test('an endpoint that asks to be left alone is', async t => {
  const { endpoint, clock, process } = await installation(t);
  endpoint.behaviour = { status: 429, headers: { 'retry-after': '3000' } };
  const one = process();
  await one.refresher.round();
  await one.live(START_MS + 2_999_000);
  t.is(endpoint.requests, 1);
  endpoint.behaviour = 'rotate';
  await one.live(clock.nowMs + 1000);
  t.is(endpoint.requests, 2);
});

test('a refusal stops the asking, for every instance, until somebody starts anew', async t => {
  const { endpoint, captured, clock, process } = await installation(t);
  endpoint.behaviour = { status: 400, body: '{"error":"invalid_grant","error_description":"gone"}' };
  const one = process();
  const beside = process();
  await one.refresher.round();
  t.deepEqual(one.report(), {
    keys: 0,
    state: 'failing',
    detail: 'the token endpoint refused the refresh token (invalid_grant): set a new DROID_REFRESH_KEY',
  });
  t.is(captured.lines.filter(line => line.includes('set a new DROID_REFRESH_KEY')).length, 1);
  await one.live(START_MS + 5 * HOUR_MS);
  await beside.live(clock.nowMs + 60_000);
  t.is(endpoint.requests, 1);
  t.like(beside.report(), { keys: 0, state: 'failing' });
  const anew = process();
  await anew.refresher.round();
  await anew.live(clock.nowMs + HOUR_MS);
  t.is(endpoint.requests, 2);
  endpoint.behaviour = 'rotate';
  await anew.live(clock.nowMs + 6 * HOUR_MS);
  t.deepEqual(anew.served, [accessToken(1)]);
  await one.refresher.round();
  t.like(one.report(), { keys: 1, state: 'ok' }, 'the refusal is forgotten where the others are');
});

test('tokens that cannot be saved are not used, and are saved when that is possible, without a second trade', async t => {
  const { endpoint, vault, clock, process } = await installation(t);
  const control = watched(vault);
  const one = process({ vault: control.vault });
  await one.refresher.round();
  clock.nowMs += 6 * HOUR_MS;
  control.outage = 'before';
  await one.refresher.round();
  await one.live(clock.nowMs + 600_000);
  t.is(endpoint.requests, 2);
  t.deepEqual(one.served, [accessToken(1)]);
  t.regex(one.report().detail, /^new tokens cannot be saved: Store is away; the access token is good until/);
  control.outage = 'none';
  await one.live(clock.nowMs + 30_000);
  t.deepEqual(one.served, [accessToken(1), accessToken(2)]);
  t.is(endpoint.requests, 2);
  t.is((await vault.read())!.tokens.refreshToken, endpoint.good);
});

test('tokens whose saving was not acknowledged are taken as they are kept', async t => {
  const { endpoint, vault, clock, process } = await installation(t);
  const control = watched(vault);
  control.outage = 'after';
  const one = process({ vault: control.vault });
  await one.refresher.round();
  t.deepEqual(one.served, []);
  control.outage = 'none';
  await one.live(clock.nowMs + 60_000);
  t.deepEqual(one.served, [accessToken(1)]);
  t.is(endpoint.requests, 1);
});

test('tokens not saved yet outlive a refusal that another instance got meanwhile', async t => {
  const { endpoint, vault, clock, process } = await installation(t);
  const control = watched(vault);
  const one = process({ vault: control.vault });
  control.outage = 'before';
  await one.refresher.round();
  const other = process();
  await other.refresher.round();
  t.like(other.report(), { state: 'failing' });
  t.is(endpoint.requests, 2);
  control.outage = 'none';
  await one.live(clock.nowMs + 60_000);
  await other.refresher.round();
  for (const { served } of [one, other]) t.deepEqual(served, [accessToken(1)]);
});

test('a stop in the middle of a trade waits for the tokens and saves them', async t => {
  const { endpoint, vault, process } = await installation(t);
  const gate = Promise.withResolvers<void>();
  endpoint.gate = gate.promise;
  const one = process();
  const arrival = endpoint.arrival();
  await one.refresher.start();
  await arrival;
  const stopped = one.refresher.stop();
  gate.resolve();
  await stopped;
  t.is((await vault.read())!.tokens.refreshToken, refreshToken(1));
});

test('where tokens could not be sealed none are asked for', async t => {
  const { stores, endpoint, process } = await installation(t);
  const refuse = () => {
    throw new AppError('ERR_INTERNAL', 'Expected `ENCRYPTION_KEY` to be set');
  };
  const one = process({
    vault: sealedVault(SEED, { stores: stores.pool, sealer: { seal: refuse, open: refuse } }),
  });
  await one.refresher.round();
  await one.live(START_MS + 60_000);
  t.is(endpoint.requests, 0);
  t.regex(one.report().detail, /^new tokens could not be saved, .* `ENCRYPTION_KEY` to be set$/);
});

test('a store that is away leaves the access token in use and asks for no other', async t => {
  const { stores, endpoint, clock, process } = await installation(t);
  const one = process();
  await one.refresher.round();
  await stores.close();
  await one.live(START_MS + 8 * HOUR_MS - 1);
  t.deepEqual(one.served, [accessToken(1)]);
  t.is(endpoint.requests, 1);
  t.regex(one.report().detail, /^the tokens cannot be read: /);
  await one.live(clock.nowMs + 1);
  t.deepEqual(one.served, [accessToken(1), undefined]);
});

const badAnswers: readonly [string, Parameters<typeof Object>[0]][] = [
  ['no JSON', { status: 200, body: '<html>' }],
  ['no token', { status: 200, body: '{"token_type":"bearer"}' }],
  ['a body without end', { status: 200, body: `{"x":"${'x'.repeat(600_000)}"}` }],
  ['a firewall', { status: 403, body: 'blocked' }],
  ['a wrong address', { status: 404 }],
];

for (const [title, behaviour] of badAnswers) {
  test(`${title} instead of tokens is a failure that passes`, async t => {
    const { endpoint, process } = await installation(t);
    endpoint.behaviour = behaviour;
    const one = process();
    await one.refresher.round();
    t.like(one.report(), { keys: 0, state: 'failing' });
    endpoint.behaviour = 'rotate';
    await one.live(START_MS + 60_000);
    t.deepEqual(one.served, [accessToken(1)]);
  });
}

test('a refresh token does not follow a redirect', async t => {
  const { endpoint, process } = await installation(t);
  const elsewhere = await TokenEndpoint.start(t, SEED);
  endpoint.behaviour = { status: 307, headers: { location: elsewhere.url } };
  const one = process();
  await one.refresher.round();
  t.is(elsewhere.requests, 0);
  t.like(one.report(), { keys: 0, state: 'failing' });
});

test('an endpoint that is not there, and one that does not answer, are failures by name', async t => {
  const { endpoint } = await installation(t);
  const options = { clientId: 'client', post: openPost(t), nowMs: () => START_MS };
  const closed = await TokenEndpoint.start(t, SEED);
  await closed.close();
  const refused = await trade('r', { ...options, url: closed.url });
  t.deepEqual(refused, { kind: 'failed', reason: 'ERR_UPSTREAM_REFUSED', notBeforeMs: 0 });
  const gate = Promise.withResolvers<void>();
  t.teardown(gate.resolve);
  endpoint.gate = gate.promise;
  const silent = await trade('r', { ...options, url: endpoint.url, timeoutMs: 1 });
  t.deepEqual(silent, { kind: 'failed', reason: 'ERR_UPSTREAM_TIMEOUT', notBeforeMs: 0 });
});
