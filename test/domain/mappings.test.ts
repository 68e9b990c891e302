import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { AppError } from '../../src/base/errors.ts';
import {
  isReservedPath,
  MappingTable,
  parsePrefix,
  parseTarget,
  RESERVED_PATHS,
} from '../../src/domain/mappings.ts';

function refusal(t: ExecutionContext, attempt: () => unknown): AppError {
  return t.throws(attempt, { instanceOf: AppError })!;
}

for (const [given, stored] of [
  ['/openai', '/openai'],
  ['/openai/', '/openai'],
  ['/team/eu/openai', '/team/eu/openai'],
  ['/v1beta', '/v1beta'],
  ['/v1-compatible/v1', '/v1-compatible/v1'],
  ['/api', undefined],
  ['/api/mappings-old', '/api/mappings-old'],
  ['/api/chat', '/api/chat'],
  ['/admin-tools', '/admin-tools'],
  ["/a~b.c_d-e!$&'()*+,;=:@", "/a~b.c_d-e!$&'()*+,;=:@"],
  ['/__proto__', '/__proto__'],
  ['/...', '/...'],
] as const) {
  test(`the prefix ${given} is ${stored === undefined ? 'refused' : `stored as ${stored}`}`, t => {
    if (stored === undefined) t.is(refusal(t, () => parsePrefix(given)).code, 'ERR_RESERVED_PREFIX');
    else t.is(parsePrefix(given), stored);
  });
}

for (const given of [
  undefined,
  null,
  7,
  {},
  ['/openai'],
  '',
  '/',
  '//',
  'openai',
  '/openai//v1',
  '/openai//',
  '/a b',
  '/a?b',
  '/a#b',
  '/a%2fb',
  '/a\\b',
  '/<script>',
  '/a\n',
  '/é',
  '/.',
  '/..',
  '/a/../b',
  '/a/./b',
  '/a/..',
  `/${'a'.repeat(256)}`,
]) {
  const shown =
    typeof given === 'string' && given.length > 40 ? `of ${given.length} characters` : JSON.stringify(given);
  test(`the prefix ${shown} is refused at its field`, t => {
    const error = refusal(t, () => parsePrefix(given));
    t.is(error.code, 'ERR_VALIDATION');
    t.is(error.field, 'prefix');
    t.regex(error.message, /^Expected `prefix` to .*, got /s);
  });
}

test('a prefix of the longest length is taken', t => {
  const longest = `/${'a'.repeat(255)}`;
  t.is(parsePrefix(longest), longest);
});

for (const path of RESERVED_PATHS) {
  test(`a prefix that is, lies under or contains ${path} is refused as reserved`, t => {
    const whole = [path, `${path}/`, `${path}/x`, path.slice(0, path.lastIndexOf('/'))].filter(
      prefix => prefix !== '',
    );
    for (const prefix of whole) {
      const error = refusal(t, () => parsePrefix(prefix));
      t.is(error.code, 'ERR_RESERVED_PREFIX', prefix);
      t.is(error.field, 'prefix');
    }
  });
}

test('reserved are the paths at and under a reserved one, on a segment border, and the root', t => {
  for (const path of RESERVED_PATHS) {
    for (const reserved of [path, `${path}?x=/y`, `${path}/`, `${path}/deep/er?z`])
      t.true(isReservedPath(reserved), reserved);
    for (const free of [`${path}x`, `/x${path}`, `${path}%2f`, `/${path}`])
      t.false(isReservedPath(free), free);
  }
  for (const root of ['/', '/?x', '/?/openai']) t.true(isReservedPath(root), root);
  for (const free of ['/openai', '/api', '/api/', '/api/other', '*', '', '//', '/ADMIN'])
    t.false(isReservedPath(free), free);
});

for (const [url, expected] of [
  [
    'https://api.openai.com',
    { tls: true, hostname: 'api.openai.com', port: 443, authority: 'api.openai.com', basePath: '' },
  ],
  ['https://api.openai.com/', { port: 443, authority: 'api.openai.com', basePath: '' }],
  [
    'http://10.0.0.7:8080/v1/',
    { tls: false, hostname: '10.0.0.7', port: 8080, authority: '10.0.0.7:8080', basePath: '/v1' },
  ],
  ['https://host.test:443/a', { port: 443, authority: 'host.test', basePath: '/a' }],
  ['http://host.test:443', { tls: false, port: 443, authority: 'host.test:443' }],
  ['HTTPS://Host.TEST/Path', { tls: true, hostname: 'host.test', basePath: '/Path' }],
  ['http://[::1]:9000/x', { hostname: '::1', port: 9000, authority: '[::1]:9000', basePath: '/x' }],
  ['https://host.test/a%2e%2e/%2F..//b', { basePath: '/a%2e%2e/%2F..//b' }],
  ['https://host.test/a@b', { authority: 'host.test', basePath: '/a@b' }],
] as const) {
  test(`the target ${url} is taken apart`, t => {
    t.like(parseTarget(url), { url, ...expected });
  });
}

for (const url of [
  undefined,
  null,
  42,
  '',
  'api.openai.com',
  'ftp://host.test',
  'file:///etc/passwd',
  'javascript:alert(1)',
  'https://',
  'https:///path',
  'https://host.test?x=1',
  'https://host.test/?x=1',
  'https://host.test/#f',
  'https://user:hunter2secret@host.test',
  'https://hunter2secret@host.test/x',
  'https://host.test:99999',
  'https://host.test:port',
  'https://ho st.test',
  'https://host.test/a b',
  'https://host.test\\@evil.test/',
  'https://host.test/\u0000',
  'https://host.test/é',
  ' https://host.test',
  'https://host.test\r\nX: y',
  `https://host.test/${'a'.repeat(2048)}`,
]) {
  const shown =
    typeof url === 'string' && url.length > 60 ? `of ${url.length} characters` : JSON.stringify(url);
  test(`the target ${shown} is refused at its field`, t => {
    const error = refusal(t, () => parseTarget(url));
    t.is(error.code, 'ERR_VALIDATION');
    t.is(error.field, 'target');
    t.regex(error.message, /^Expected `target` to /);
    t.notRegex(error.message, /hunter2secret/);
  });
}

const TABLE = MappingTable.from([
  ['/openai', 'https://api.openai.com'],
  ['/openai/eu', 'https://eu.api.openai.com/v1'],
  ['/team/a/openai', 'http://10.0.0.1'],
  ['/__proto__', 'http://10.0.0.2'],
]);

for (const [path, prefix] of [
  ['/openai', '/openai'],
  ['/openai/', '/openai'],
  ['/openai/v1/chat/completions', '/openai'],
  ['/openai?x', '/openai'],
  ['/openai?x=/eu/', '/openai'],
  ['/openai/eu', '/openai/eu'],
  ['/openai/eu?x', '/openai/eu'],
  ['/openai/eu/v1/models', '/openai/eu'],
  ['/openai/europe', '/openai'],
  ['/openai//eu', '/openai'],
  ['/openai/%65u', '/openai'],
  ['/team/a/openai/x', '/team/a/openai'],
  ['/__proto__/x', '/__proto__'],
  ['/openai-eu', undefined],
  ['/openaix', undefined],
  ['/OpenAI', undefined],
  ['/team/a', undefined],
  ['/team/a/openai-x', undefined],
  ['/?/openai', undefined],
  ['//openai', undefined],
  ['/x/openai', undefined],
  ['/constructor', undefined],
  ['/', undefined],
  ['', undefined],
  ['*', undefined],
] as const) {
  test(`the path ${path || '(empty)'} belongs to ${prefix ?? 'no mapping'}`, t => {
    t.is(TABLE.find(path)?.prefix, prefix);
  });
}

test('an empty table owns nothing', t => {
  t.is(MappingTable.empty.find('/openai'), undefined);
  t.is(MappingTable.empty.size, 0);
});

test('the longest prefix on a segment border wins, for any mappings and path', t => {
  const segment = fc.constantFrom('a', 'b', 'ab', 'a-b');
  const prefix = fc.array(segment, { minLength: 1, maxLength: 4 }).map(parts => `/${parts.join('/')}`);
  const query = fc.constantFrom('', '?', '?x=/a/b', '/', '/?');
  fc.assert(
    fc.property(fc.array(prefix, { maxLength: 8 }), prefix, query, (prefixes, path, ending) => {
      const table = MappingTable.from(prefixes.map(name => [name, 'http://host.test']));
      const owners = prefixes
        .filter(name => path === name || path.startsWith(`${name}/`))
        .sort((one, other) => other.length - one.length);
      t.is(table.find(path + ending)?.prefix, owners[0]);
    }),
  );
  t.pass();
});

test('rows that cannot serve are left out and named, the rest is served', t => {
  const table = MappingTable.from([
    ['/good', 'https://good.test'],
    ['/bad', 'not a url'],
    ['/admin/x', 'https://bad.test'],
    ['no-slash', 'https://bad.test'],
    ['/secret', 'https://user:hunter2secret@bad.test'],
  ]);
  t.is(table.size, 1);
  t.is(table.get('/good')?.target.hostname, 'good.test');
  t.deepEqual(
    table.skipped.map(row => row.prefix),
    ['/bad', '/admin/x', 'no-slash', '/secret'],
  );
  for (const { problem } of table.skipped) {
    t.regex(problem, /^Expected /);
    t.notRegex(problem, /hunter2secret/);
  }
});

test('a stored prefix that ends with a slash is served without it', t => {
  t.is(MappingTable.from([['/openai/', 'https://api.openai.com']]).find('/openai/v1')?.prefix, '/openai');
});

test('finding a mapping takes as many lookups as the deepest prefix has segments, however long the path', t => {
  const path = `/openai${'/x'.repeat(100_000)}`;
  t.is(TABLE.find(path)?.prefix, '/openai');
});
