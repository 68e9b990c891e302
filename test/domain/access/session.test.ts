import test from 'ava';
import { Secret } from '../../../src/base/secret.ts';
import { SESSION_IDLE_MS, SESSION_LONGEST_MS, SessionKeeper } from '../../../src/domain/access/session.ts';

const NOW = 1_800_000_000_000;
const keeper = (): SessionKeeper => new SessionKeeper(new Secret('a-secret-of-some-length'));

test('a session is accepted by every process with the same secret and by none with another', t => {
  const session = keeper().open(NOW);
  const cookie = keeper().sign(session);
  t.deepEqual(keeper().read(cookie, NOW), session);
  t.is(new SessionKeeper(new Secret('another-secret-of-length')).read(cookie, NOW), undefined);
});

test('a session ends exactly twelve hours after it was issued', t => {
  const cookie = keeper().sign(keeper().open(NOW));
  t.truthy(keeper().read(cookie, NOW + SESSION_IDLE_MS - 1));
  t.is(keeper().read(cookie, NOW + SESSION_IDLE_MS), undefined);
});

test('a session in use is renewed, not on every request, and never beyond seven days', t => {
  const sessions = keeper();
  const session = sessions.open(NOW);
  t.is(sessions.renew(session, NOW + 60_000), undefined);
  const later = NOW + 3_600_000;
  const renewed = sessions.renew(session, later)!;
  t.is(renewed.expiresMs, later + SESSION_IDLE_MS);
  t.is(renewed.id, session.id);
  t.is(sessions.csrfToken(renewed), sessions.csrfToken(session));
  const last = sessions.renew(renewed, NOW + SESSION_LONGEST_MS - 1000)!;
  t.is(last.expiresMs, NOW + SESSION_LONGEST_MS);
  t.is(sessions.renew(last, NOW + SESSION_LONGEST_MS - 1), undefined);
});

test('any changed character of a cookie makes it worthless', t => {
  const sessions = keeper();
  const cookie = sessions.sign(sessions.open(NOW));
  for (let index = 0; index < cookie.length; index += 1) {
    // The last character of base64url carries bits that decoding drops; the texts are compared, so it counts too.
    const other = cookie[index] === '1' ? '2' : '1';
    t.is(
      sessions.read(cookie.slice(0, index) + other + cookie.slice(index + 1), NOW),
      undefined,
      `at ${index}`,
    );
  }
  for (const text of ['', '.', '...', `${cookie}x`, cookie.slice(1), 'é'.repeat(90)]) {
    t.is(sessions.read(text, NOW), undefined);
  }
});

test('a revoked session is refused under every cookie of it, and others go on', t => {
  const sessions = keeper();
  const session = sessions.open(NOW);
  const renewed = sessions.renew(session, NOW + 3_600_000)!;
  const other = sessions.open(NOW);
  sessions.revoke(session, NOW + 3_600_000);
  t.is(sessions.read(sessions.sign(session), NOW + 3_600_001), undefined);
  t.is(sessions.read(sessions.sign(renewed), renewed.expiresMs - 1), undefined);
  t.truthy(sessions.read(sessions.sign(other), NOW + 1));
});

test('a revocation outlives the clean-up that a later one causes, until no cookie can be valid', t => {
  const sessions = keeper();
  const session = sessions.open(NOW);
  sessions.revoke(session, NOW);
  sessions.revoke(sessions.open(NOW), NOW + SESSION_IDLE_MS - 1);
  t.is(sessions.read(sessions.sign(session), NOW + SESSION_IDLE_MS - 1), undefined);
  sessions.revoke(sessions.open(NOW), NOW + SESSION_IDLE_MS);
  t.is(sessions.read(sessions.sign(session), NOW + SESSION_IDLE_MS), undefined);
});

test('a CSRF token belongs to one session', t => {
  const sessions = keeper();
  const session = sessions.open(NOW);
  t.true(sessions.csrfMatches(session, sessions.csrfToken(session)));
  t.false(sessions.csrfMatches(sessions.open(NOW), sessions.csrfToken(session)));
  t.false(sessions.csrfMatches(session, ''));
  t.false(sessions.csrfMatches(session, sessions.sign(session)));
});
