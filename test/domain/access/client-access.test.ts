import test from 'ava';
import { Secret } from '../../../src/base/secret.ts';
import { createClientAccess } from '../../../src/domain/access/client-access.ts';

const accessKey = new Secret('our-access-key-0123');

test('the access key opens the door, wherever among the credentials it stands', t => {
  const access = createClientAccess({ accessKey, allowAnonymous: false });
  t.true(access.admits(['our-access-key-0123']));
  t.true(access.admits(['sk-own', 'our-access-key-0123', '']));
  t.false(access.admits(['our-access-key-012']));
  t.false(access.admits(['our-access-key-0123 ']));
  t.false(access.admits(['']));
  t.false(access.admits([]));
});

test('without a key the door is closed, unless everybody may come in', t => {
  t.false(createClientAccess({ accessKey: undefined, allowAnonymous: false }).admits(['anything', '']));
  const open = createClientAccess({ accessKey: undefined, allowAnonymous: true });
  t.true(open.admits([]));
  t.true(open.admits(['sk-own']));
  t.false(open.isOurs('sk-own'));
});

test('our own secrets are known as ours, those of vendors are not', t => {
  const access = createClientAccess({
    accessKey,
    allowAnonymous: true,
    otherSecrets: [new Secret('the-admin-token-0123'), undefined],
  });
  t.true(access.isOurs('our-access-key-0123'));
  t.true(access.isOurs('the-admin-token-0123'));
  t.false(access.isOurs('sk-own'));
  t.false(access.isOurs(''));
});

test('the admin token opens nothing here', t => {
  const otherSecrets = [new Secret('the-admin-token-0123')];
  t.false(
    createClientAccess({ accessKey, allowAnonymous: false, otherSecrets }).admits(['the-admin-token-0123']),
  );
});

test('long keys that differ only at their end are told apart', t => {
  const long = 'k'.repeat(2000);
  const access = createClientAccess({ accessKey: new Secret(`${long}a`), allowAnonymous: false });
  t.true(access.admits([`${long}a`]));
  t.false(access.admits([`${long}b`]));
});
