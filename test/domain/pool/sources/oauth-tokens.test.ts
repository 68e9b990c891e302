import test from 'ava';
import {
  accessEndMs,
  type OAuthTokens,
  parseGrant,
  parseTokens,
  refreshDueMs,
  refusalOf,
  serializeTokens,
} from '../../../../src/domain/pool/sources/oauth-tokens.ts';

const NOW_MS = Date.UTC(2026, 0, 15, 12);
const HOUR_MS = 3_600_000;

function tokens(parts: Partial<OAuthTokens> = {}): OAuthTokens {
  return {
    refreshToken: 'refresh',
    accessToken: 'access',
    expiresAtMs: NOW_MS + 8 * HOUR_MS,
    refreshedAtMs: NOW_MS,
    refusedAtMs: undefined,
    ...parts,
  };
}

function jwt(claims: object): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part({ alg: 'RS256' })}.${part(claims)}.c2lnbmF0dXJl`;
}

const due: readonly [string, Partial<OAuthTokens>, number][] = [
  ['a token of 8 hours after 6', {}, 6 * HOUR_MS],
  ['a token of a day after 6 hours', { expiresAtMs: NOW_MS + 24 * HOUR_MS }, 6 * HOUR_MS],
  ['a token of an hour after three quarters', { expiresAtMs: NOW_MS + HOUR_MS }, 0.75 * HOUR_MS],
  ['a token that is over at once after a minute', { expiresAtMs: NOW_MS }, 60_000],
  ['one without an end after 6 hours', { expiresAtMs: undefined }, 6 * HOUR_MS],
  ['one of unknown age 2 hours before its end', { refreshedAtMs: undefined }, 6 * HOUR_MS],
  ['one of which nothing is known at once', { refreshedAtMs: undefined, expiresAtMs: undefined }, -NOW_MS],
  ['none at once', { accessToken: undefined }, -NOW_MS],
  ['one without a refresh token never', { refreshToken: undefined }, Number.POSITIVE_INFINITY],
];

for (const [title, parts, afterMs] of due) {
  test(`a new access token is due: ${title}`, t => {
    t.is(refreshDueMs(tokens(parts)), NOW_MS + afterMs);
  });
}

test('a token ends when it is said to, else when it says itself, else 8 hours after it was given out', t => {
  t.is(accessEndMs(tokens()), NOW_MS + 8 * HOUR_MS);
  const exp = NOW_MS / 1000 + 100;
  const told = tokens({ accessToken: jwt({ exp }), expiresAtMs: undefined });
  t.is(accessEndMs(told), exp * 1000);
  t.is(accessEndMs(tokens({ expiresAtMs: undefined })), NOW_MS + 8 * HOUR_MS);
  t.is(accessEndMs(tokens({ expiresAtMs: undefined, refreshedAtMs: undefined })), Number.POSITIVE_INFINITY);
});

test('an answer tells its tokens and how long they are good', t => {
  const grant = (body: unknown) => parseGrant(body, NOW_MS);
  const lifeHours = (body: object) => (grant({ access_token: 'a', ...body })!.expiresAtMs - NOW_MS) / HOUR_MS;
  t.deepEqual(grant({ access_token: 'a', refresh_token: 'r', expires_in: 3600, user: {} }), {
    accessToken: 'a',
    refreshToken: 'r',
    expiresAtMs: NOW_MS + HOUR_MS,
  });
  t.is(grant({ access_token: 'a' })!.refreshToken, undefined);
  t.is(lifeHours({}), 8);
  t.is(lifeHours({ expires_in: '7200' }), 2);
  for (const expires_in of [0, -5, 'soon', null, {}]) t.is(lifeHours({ expires_in }), 8);
  t.is(lifeHours({ expires_in: 1e15 }), 366 * 24);
  const iat = 1000;
  t.is(lifeHours({ access_token: jwt({ iat, exp: iat + 7200 }) }), 2, 'a wrong clock here does no harm');
  t.is(lifeHours({ access_token: jwt({ exp: NOW_MS / 1000 + 3600 }) }), 1);
  t.is(lifeHours({ access_token: jwt({ exp: 5 }) }), 8);
  t.is(lifeHours({ access_token: jwt({ iat, exp: iat + 7200 }), expires_in: 3600 }), 1);
  t.is(lifeHours({ access_token: 'a.!!.c' }), 8);
});

test('what is no token is none', t => {
  for (const body of [undefined, null, 'a', [], {}, { access_token: 5 }, { access_token: 'with space' }]) {
    t.is(parseGrant(body, NOW_MS), undefined);
  }
  t.is(parseGrant({ access_token: 'a\nb' }, NOW_MS), undefined);
  t.is(parseGrant({ access_token: 'x'.repeat(20_000) }, NOW_MS), undefined);
  t.is(parseGrant(JSON.parse('{"__proto__":{"access_token":"a"}}'), NOW_MS), undefined);
});

const refusals: readonly [number, unknown, string | undefined][] = [
  [400, { error: 'invalid_grant', error_description: 'secret words' }, 'invalid_grant'],
  [401, { code: 'invalid_client' }, 'invalid_client'],
  [403, { error: 'access_denied' }, 'access_denied'],
  [400, { error: 'something of the vendor' }, 'HTTP 400'],
  [401, undefined, 'HTTP 401'],
  [403, undefined, undefined],
  [404, { error: 'invalid_grant' }, undefined],
  [429, { error: 'invalid_grant' }, undefined],
  [500, { error: 'invalid_grant' }, undefined],
];

for (const [status, body, reason] of refusals) {
  test(`status ${status} with ${JSON.stringify(body)} is ${reason === undefined ? 'no' : 'a'} refusal`, t => {
    t.is(refusalOf(status, body), reason);
  });
}

test('kept tokens are read as they were written, and nothing else is taken for them', t => {
  const all = tokens({ refusedAtMs: NOW_MS });
  t.deepEqual(parseTokens(serializeTokens(all)), all);
  const few = tokens({ accessToken: undefined, expiresAtMs: undefined, refreshedAtMs: undefined });
  t.deepEqual(parseTokens(serializeTokens(few)), few);
  for (const text of ['', 'null', '{}', '{"version":2,"refreshToken":"r"}', '[1]']) {
    t.is(parseTokens(text), undefined);
  }
});
