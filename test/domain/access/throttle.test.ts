import test from 'ava';
import { AppError } from '../../../src/base/errors.ts';
import { FailureThrottle, networkOf } from '../../../src/domain/access/throttle.ts';

const NOW = 1_800_000_000_000;
const LIMITS = { failures: 3, windowMs: 60_000, addresses: 4 };

function waitOf(throttle: FailureThrottle, address: string, nowMs: number): number | undefined {
  try {
    throttle.admit(address, nowMs);
    return undefined;
  } catch (error) {
    if (error instanceof AppError && error.code === 'ERR_TOO_MANY_ATTEMPTS') return error.retryAfterSeconds;
    throw error;
  }
}

test('the limit holds until its window ends, to the millisecond, and says how long', t => {
  const throttle = new FailureThrottle(LIMITS);
  for (let count = 0; count < 3; count += 1) {
    t.is(waitOf(throttle, '192.0.2.1', NOW + count), undefined);
    throttle.fail('192.0.2.1', NOW + count);
  }
  t.is(waitOf(throttle, '192.0.2.1', NOW + 2), 60);
  t.is(waitOf(throttle, '192.0.2.1', NOW + 59_999), 1);
  t.is(waitOf(throttle, '192.0.2.1', NOW + 60_000), undefined);
  t.is(waitOf(throttle, '192.0.2.2', NOW + 2), undefined);
});

test('a success forgets the failures before it', t => {
  const throttle = new FailureThrottle(LIMITS);
  throttle.fail('192.0.2.1', NOW);
  throttle.fail('192.0.2.1', NOW);
  throttle.succeed('192.0.2.1');
  throttle.fail('192.0.2.1', NOW);
  t.is(waitOf(throttle, '192.0.2.1', NOW), undefined);
});

test('a clock that is set back does not lengthen the wait', t => {
  const throttle = new FailureThrottle(LIMITS);
  for (let count = 0; count < 3; count += 1) throttle.fail('192.0.2.1', NOW);
  t.is(waitOf(throttle, '192.0.2.1', NOW - 3_600_000), undefined);
});

test('no more addresses are remembered than allowed, and the newest are', t => {
  const throttle = new FailureThrottle(LIMITS);
  for (let host = 1; host <= 5; host += 1) {
    for (let count = 0; count < 3; count += 1) throttle.fail(`192.0.2.${host}`, NOW + host);
  }
  t.is(waitOf(throttle, '192.0.2.1', NOW + 10), undefined);
  for (let host = 2; host <= 5; host += 1)
    t.truthy(waitOf(throttle, `192.0.2.${host}`, NOW + 10), String(host));
});

test('one IPv6 network, and one IPv4 address however written, counts as one address', t => {
  t.is(networkOf('2001:db8:1:2:3:4:5:6'), networkOf('2001:DB8:1:2::1'));
  t.is(networkOf('2001:db8:1:2::1'), networkOf('2001:0db8:0001:0002:ffff::'));
  t.not(networkOf('2001:db8:1:2::1'), networkOf('2001:db8:1:3::1'));
  t.is(networkOf('fe80::1%eth0'), networkOf('fe80::2'));
  t.is(networkOf('::1'), '0:0:0:0::/64');
  t.is(networkOf('::'), '0:0:0:0::/64');
  t.is(networkOf('64:ff9b::192.0.2.1'), networkOf('64:ff9b::'));
  t.is(networkOf('::ffff:192.0.2.1'), '192.0.2.1');
  t.not(networkOf('192.0.2.1'), networkOf('192.0.2.2'));
});
