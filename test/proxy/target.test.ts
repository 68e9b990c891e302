import test from 'ava';
import { AppError } from '../../src/base/errors.ts';
import { MappingTable } from '../../src/domain/mappings.ts';
import { parseRequestTarget, upstreamPath } from '../../src/proxy/target.ts';

const table = MappingTable.from([
  ['/t', 'http://up.test'],
  ['/base', 'https://up.test/v1beta/'],
]);
const path = (target: string) => upstreamPath(table.find(target)!, target);

test('what follows the prefix goes on byte for byte', t => {
  for (const rest of ['/a%2Fb/../%2e%2e//x', "/a;v=1'()", '/?q=1', '/p?a=1&a=2&&%zz'])
    t.is(path(`/t${rest}`), rest);
  t.is(path('/t'), '/');
  t.is(path('/t?q=1'), '/?q=1');
});

test('the target’s own path comes first', t => {
  t.is(path('/base/models'), '/v1beta/models');
  t.is(path('/base'), '/v1beta');
  t.is(path('/base?key=1'), '/v1beta?key=1');
});

test('an absolute target gives a path, and its authority beats Host', t => {
  t.deepEqual(parseRequestTarget('http://abs.test:81/t/p?x=1', 'other'), {
    path: '/t/p?x=1',
    authority: 'abs.test:81',
  });
  t.deepEqual(parseRequestTarget('HTTPS://abs.test', 'other'), { path: '/', authority: 'abs.test' });
  t.deepEqual(parseRequestTarget('*', 'a'), { path: '*', authority: 'a' });
});

for (const bad of ['/a#b', 'ftp://x/', 'http://', 'http:///x', 'x', 'http://a/#b']) {
  test(`a request target of ${bad} is refused`, t => {
    t.is(t.throws(() => parseRequestTarget(bad, 'a'), { instanceOf: AppError })?.code, 'ERR_BAD_REQUEST');
  });
}
