import test from 'ava';
import { Secret } from '../../../src/base/secret.ts';
import { ClientAccess } from '../../../src/domain/access/client-access.ts';

const key = new Secret('access-key-0123456789');

test('one right credential among several opens the door, none and wrong ones do not', t => {
  const access = new ClientAccess({ key, anonymous: false });
  t.true(access.admits(['sk-own', 'access-key-0123456789']));
  t.false(access.admits(['access-key-012345678', 'access-key-01234567890', '']));
  t.false(access.admits([]));
});

test('anonymous access lets everybody in, and still knows what is ours', t => {
  const access = new ClientAccess({ key, anonymous: true });
  t.true(access.admits([]));
  t.true(access.isOurs('access-key-0123456789'));
  t.false(access.isOurs('sk-own'));
});
