import test from 'ava';
import { parseAuthFile, updateAuthFile } from '../../../../src/domain/pool/sources/auth-file.ts';

const END_MS = Date.UTC(2026, 0, 15, 20);
const tokens = {
  refreshToken: 'r2',
  accessToken: 'a2',
  expiresAtMs: END_MS,
  refreshedAtMs: END_MS - 28_800_000,
  refusedAtMs: undefined,
};

for (const [form, value] of [
  ['ms', END_MS],
  ['seconds', END_MS / 1000],
  ['ISO 8601', '2026-01-15T20:00:00.000Z'],
  ['digits', String(END_MS)],
] as const) {
  test(`an end in ${form} is understood`, t => {
    const text = JSON.stringify({ refresh_token: 'r', api_key: 'a', expires_at: value });
    t.deepEqual(parseAuthFile(text), {
      refreshToken: 'r',
      accessToken: 'a',
      expiresAtMs: END_MS,
      refreshedAtMs: undefined,
      refusedAtMs: undefined,
    });
  });
}

test('what is missing or of another kind is unknown', t => {
  const unknown = {
    refreshToken: undefined,
    accessToken: undefined,
    expiresAtMs: undefined,
    refreshedAtMs: undefined,
    refusedAtMs: undefined,
  };
  t.deepEqual(parseAuthFile('{}'), unknown);
  t.deepEqual(
    parseAuthFile(
      '{"refresh_token":"","api_key":7,"expires_at":"soon","last_refresh":1e300,"refusedAtMs":1}',
    ),
    unknown,
  );
});

test('what is no JSON object is no auth file', t => {
  for (const text of ['', '{"api_key":', '[]', '"a"', 'null']) t.is(parseAuthFile(text), undefined);
});

test('new tokens take the place of the old ones and all else stays', t => {
  const before = { user: { id: 1 }, refresh_token: 'r1', api_key: 'a1', expires_at: 1, note: 'x' };
  const after = updateAuthFile(JSON.stringify(before), tokens);
  t.deepEqual(JSON.parse(after), {
    ...before,
    refresh_token: 'r2',
    api_key: 'a2',
    expires_at: END_MS / 1000,
    last_refresh: END_MS - 28_800_000,
  });
  t.deepEqual(parseAuthFile(after), tokens);
});

test('times stay in the form in which they stood there', t => {
  const end = (expires_at?: unknown) =>
    JSON.parse(updateAuthFile(JSON.stringify({ expires_at }), tokens)).expires_at;
  t.is(end(), END_MS);
  t.is(end(1_700_000_000_000), END_MS);
  t.is(end(1_700_000_000), END_MS / 1000);
  t.is(end('2020-01-01T00:00:00Z'), '2026-01-15T20:00:00.000Z');
});
