import test from 'ava';
import { AppError } from '../../../src/base/errors.ts';
import { Secret } from '../../../src/base/secret.ts';
import { AdminAccess, bearerToken, type Credentials } from '../../../src/domain/access/admin-access.ts';
import { FailureThrottle } from '../../../src/domain/access/throttle.ts';

const NOW = 1_800_000_000_000;
const TOKEN = 'a-secret-of-some-length';

function open(): AdminAccess {
  return new AdminAccess(
    new Secret(TOKEN),
    new FailureThrottle({ failures: 2, windowMs: 60_000, addresses: 10 }),
  );
}

function brought(fields: Partial<Credentials>): Credentials {
  return {
    authorization: undefined,
    adminKey: undefined,
    cookies: [],
    csrf: undefined,
    clientAddress: '192.0.2.1',
    ...fields,
  };
}

function codeOf(call: () => unknown): string {
  try {
    call();
    return 'admitted';
  } catch (error) {
    if (error instanceof AppError) return error.code;
    throw error;
  }
}

const READ = { writes: false };
const WRITE = { writes: true };

test('the secret is taken as Bearer and as x-admin-key, for writes without a CSRF token', t => {
  const access = open();
  t.is(access.authorize(brought({ authorization: `Bearer ${TOKEN}` }), WRITE, NOW), undefined);
  t.is(access.authorize(brought({ authorization: `bearer  ${TOKEN} ` }), WRITE, NOW), undefined);
  t.is(access.authorize(brought({ adminKey: TOKEN }), WRITE, NOW), undefined);
  // A front may use Basic for itself.
  t.is(access.authorize(brought({ authorization: 'Basic eDp5', adminKey: TOKEN }), WRITE, NOW), undefined);
});

test('nothing, an empty token and a wrong token are refused', t => {
  t.is(
    codeOf(() => open().authorize(brought({}), READ, NOW)),
    'ERR_UNAUTHORIZED',
  );
  t.is(
    codeOf(() => open().authorize(brought({ adminKey: '' }), READ, NOW)),
    'ERR_UNAUTHORIZED',
  );
  t.is(
    codeOf(() => open().authorize(brought({ authorization: 'Bearer ' }), READ, NOW)),
    'ERR_UNAUTHORIZED',
  );
  t.is(
    codeOf(() => open().authorize(brought({ adminKey: `${TOKEN}x` }), READ, NOW)),
    'ERR_UNAUTHORIZED',
  );
});

test('a session reads by its cookie and writes only with its CSRF token', t => {
  const access = open();
  const session = access.logIn({ token: TOKEN, clientAddress: '192.0.2.1' }, NOW);
  const cookies = ['stale-cookie-of-another-scope', access.sessions.sign(session)];
  t.deepEqual(access.authorize(brought({ cookies }), READ, NOW), session);
  t.is(
    codeOf(() => access.authorize(brought({ cookies }), WRITE, NOW)),
    'ERR_CSRF',
  );
  t.is(
    codeOf(() => access.authorize(brought({ cookies, csrf: 'wrong' }), WRITE, NOW)),
    'ERR_CSRF',
  );
  const csrf = access.sessions.csrfToken(session);
  t.deepEqual(access.authorize(brought({ cookies, csrf }), WRITE, NOW), session);
});

test('a wrong token is refused even beside a good cookie', t => {
  const access = open();
  const session = access.logIn({ token: TOKEN, clientAddress: '192.0.2.1' }, NOW);
  const cookies = [access.sessions.sign(session)];
  t.is(
    codeOf(() => access.authorize(brought({ cookies, adminKey: 'wrong' }), READ, NOW)),
    'ERR_UNAUTHORIZED',
  );
});

test('wrong tokens of every kind add up; then the right one is refused too, but an open session goes on', t => {
  const access = open();
  const session = access.logIn({ token: TOKEN, clientAddress: '192.0.2.1' }, NOW);
  t.is(
    codeOf(() => access.logIn({ token: 'wrong', clientAddress: '192.0.2.1' }, NOW)),
    'ERR_UNAUTHORIZED',
  );
  t.is(
    codeOf(() => access.authorize(brought({ adminKey: 'wrong' }), READ, NOW)),
    'ERR_UNAUTHORIZED',
  );
  t.is(
    codeOf(() => access.authorize(brought({ adminKey: TOKEN }), READ, NOW)),
    'ERR_TOO_MANY_ATTEMPTS',
  );
  t.is(
    codeOf(() => access.logIn({ token: TOKEN, clientAddress: '192.0.2.1' }, NOW)),
    'ERR_TOO_MANY_ATTEMPTS',
  );
  t.truthy(access.authorize(brought({ cookies: [access.sessions.sign(session)] }), READ, NOW));
  t.is(
    codeOf(() => access.authorize(brought({}), READ, NOW)),
    'ERR_UNAUTHORIZED',
  );
  t.is(
    codeOf(() => access.logIn({ token: TOKEN, clientAddress: '192.0.2.9' }, NOW)),
    'admitted',
  );
  t.is(
    codeOf(() => access.authorize(brought({ adminKey: TOKEN }), READ, NOW + 60_000)),
    'admitted',
  );
});

test('requests without a token are not failures', t => {
  const access = open();
  for (let count = 0; count < 5; count += 1) {
    t.is(
      codeOf(() => access.authorize(brought({ cookies: ['nonsense'] }), READ, NOW)),
      'ERR_UNAUTHORIZED',
    );
  }
  t.is(
    codeOf(() => access.authorize(brought({ adminKey: TOKEN }), READ, NOW)),
    'admitted',
  );
});

test('only the Bearer scheme holds a token', t => {
  t.is(bearerToken('Bearer abc'), 'abc');
  t.is(bearerToken('BEARER abc'), 'abc');
  t.is(bearerToken('Basic abc'), undefined);
  t.is(bearerToken('Bearerabc'), undefined);
  t.is(bearerToken(undefined), undefined);
});
