import { inspect } from 'node:util';
import test from 'ava';
import { ConfigError, readConfig } from '../../src/config/read.ts';
import { type Setting, settings } from '../../src/config/settings.ts';

const STRONG = 'a-strong-secret-of-32-characters';

function problemsOf(environment: Record<string, string>): readonly string[] {
  try {
    readConfig(environment);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

test('an empty environment gives every documented default', t => {
  const config = readConfig({}) as Record<string, unknown>;
  for (const [key, setting] of Object.entries(settings) as [string, Setting<unknown>][]) {
    t.deepEqual(config[key], setting.fallback, setting.names[0]);
  }
});

test('a default that is shown as a value is the value that its own text gives', t => {
  for (const setting of Object.values(settings) as Setting<unknown>[]) {
    if (setting.secret || setting.shownDefault === '') continue;
    const shown = setting.parse(setting.shownDefault);
    t.not(shown, undefined, setting.names[0]);
    // A setting that another source may decide has no value of its own until somebody sets it.
    if (setting.fallback !== undefined) t.deepEqual(shown, setting.fallback, setting.names[0]);
  }
});

test('values are read in their types', t => {
  t.like(
    readConfig({
      PORT: '0',
      PUBLIC_PANEL: 'off',
      CORS: 'YES',
      LOG_LEVEL: 'Debug',
      BASE_PATH: '/ai/gateway',
      TZ: 'Asia/Shanghai',
      LOG_KEEP_DAYS: ' 3 ',
    }),
    {
      port: 0,
      publicPanel: false,
      cors: true,
      logLevel: 'debug',
      basePath: '/ai/gateway',
      timeZone: 'Asia/Shanghai',
      logKeepDays: 3,
    },
  );
});

test('prefix lists and files of mappings are read', t => {
  const config = readConfig({ UPSTREAM_INSECURE: '/lab, /old', UPSTREAM_CA: '/lab=/etc/a=b.pem,/x=ca.pem' });
  t.deepEqual([...config.upstreamInsecure], ['/lab', '/old']);
  t.deepEqual(
    [...config.upstreamCaFiles],
    [
      ['/lab', '/etc/a=b.pem'],
      ['/x', 'ca.pem'],
    ],
  );
});

test('an empty or blank variable counts as unset', t => {
  const config = readConfig({ PORT: '', ADMIN_TOKEN: '   ', API_PROXY_REDIS_URL: '', TZ: '' });
  t.is(config.port, 8000);
  t.is(config.adminToken, undefined);
  t.is(config.redisUrl, undefined);
});

test('the alias of the admin token is read, and gives way to the token itself', t => {
  t.is(readConfig({ ADMIN_ACCESS_KEY: STRONG }).adminToken?.reveal(), STRONG);
  const both = readConfig({ ADMIN_ACCESS_KEY: 'the-alias', ADMIN_TOKEN: STRONG });
  t.is(both.adminToken?.reveal(), STRONG);
  t.is(readConfig({ ADMIN_ACCESS_KEY: STRONG, ADMIN_TOKEN: '' }).adminToken?.reveal(), STRONG);
});

test('the proxy variables are read in capitals first, as other tools write them small', t => {
  t.is(readConfig({ https_proxy: 'http://small:1' }).httpsProxy?.reveal(), 'http://small:1');
  const both = readConfig({ https_proxy: 'http://small:1', HTTPS_PROXY: 'http://capital:1' });
  t.is(both.httpsProxy?.reveal(), 'http://capital:1');
});

test('every problem is listed at once, each in the same form', t => {
  t.deepEqual(problemsOf({ PORT: '70000', LOG_LEVEL: 'loud', CORS: 'maybe', TZ: 'Mars/Olympus' }), [
    'Expected `PORT` to be an integer from 0 to 65535, got `70000`',
    'Expected `CORS` to be `true` or `false`, got `maybe`',
    'Expected `LOG_LEVEL` to be one of `fatal`, `error`, `warn`, `info`, `debug`, `trace`, `silent`, got `loud`',
    'Expected `TZ` to be an IANA time zone, got `Mars/Olympus`',
  ]);
});

test('the message of the error holds every problem', t => {
  const error = t.throws(() => readConfig({ PORT: 'x', CORS: 'y' }), { instanceOf: ConfigError });
  t.is(error.message.split('\n').length, 3);
  t.regex(error.message, /`PORT`[\s\S]*`CORS`/);
});

for (const text of ['-1', '1.5', '1e3', '0x10', 'eighty', '8000 8001', '٣']) {
  test(`a port of ${text} is refused`, t => {
    t.regex(problemsOf({ PORT: text }).join(), /^Expected `PORT` to be an integer from 0 to 65535/);
  });
}

for (const text of ['ai', '/ai/', '//', '/a b', '/ai?x']) {
  test(`a base path of ${text} is refused`, t => {
    t.is(problemsOf({ BASE_PATH: text }).length, 1);
  });
}

test('a Redis address of another scheme is refused and its password is not shown', t => {
  const problems = problemsOf({ API_PROXY_REDIS_URL: 'http://user:hunter2secret@redis:6379' });
  t.is(problems.length, 1);
  t.regex(problems[0]!, /API_PROXY_REDIS_URL.*`redis:\/\/` or `rediss:\/\/`/);
  t.notRegex(problems[0]!, /hunter2secret/);
});

test('a secret that is not printable is refused and not shown', t => {
  const problems = problemsOf({ ADMIN_TOKEN: 'hidden value with spaces' });
  t.is(problems.length, 1);
  t.notRegex(problems[0]!, /hidden/);
});

for (const [name, text] of [
  ['ADMIN_TOKEN', 'tiny'],
  ['ADMIN_ACCESS_KEY', '123'],
  ['ADMIN_TOKEN', 'aaaaaaaaaaaaaaaaaaaaaaaa'],
  ['PROXY_ACCESS_KEY', 'fifteen-letters'],
  ['METRICS_TOKEN', 'changeme'],
] as const) {
  test(`production refuses ${name} when it is ${text.length} characters, weak or short`, t => {
    const problems = problemsOf({ NODE_ENV: 'production', [name]: text });
    t.is(problems.length, 1);
    t.regex(problems[0]!, /strong secret of at least 16 characters in production/);
    t.false(problems[0]!.includes(text));
    t.deepEqual(problemsOf({ NODE_ENV: 'development', [name]: text }), []);
  });
}

test('production takes secrets of 16 characters and more', t => {
  t.deepEqual(
    problemsOf({
      NODE_ENV: 'production',
      ADMIN_TOKEN: 'k7Gq2-sixteen-ok',
      PROXY_ACCESS_KEY: STRONG,
      METRICS_TOKEN: STRONG,
    }),
    [],
  );
});

test('no secret of the configuration is printed, whatever prints it', t => {
  const environment: Record<string, string> = {};
  for (const setting of Object.values(settings) as Setting<unknown>[]) {
    if (setting.secret) environment[setting.names[0]] = 'needle-in-a-haystack-01';
  }
  environment.API_PROXY_REDIS_URL = 'redis://:needle-in-a-haystack-01@localhost';
  environment.HTTPS_PROXY = 'http://user:needle-in-a-haystack-01@localhost';
  environment.HTTP_PROXY = environment.HTTPS_PROXY;
  environment.ENCRYPTION_KEY = 'needle-in-a-haystack-of-43-base64url-digits';
  const config = readConfig(environment);
  for (const shown of [
    JSON.stringify(config),
    inspect(config, { depth: 9, showHidden: true }),
    `${config.adminToken}`,
  ]) {
    t.notRegex(shown, /needle/);
  }
});

test('no setting is named twice, and every one is documented in both languages', t => {
  const all = Object.values(settings) as Setting<unknown>[];
  const names = all.flatMap(setting => setting.names);
  t.is(new Set(names).size, names.length);
  for (const setting of all) {
    t.regex(setting.meaning, /^\S.*\.$/, setting.names[0]);
    t.regex(setting.meaningZh, /^[^\n]*\p{Script=Han}[^\n]*。$/u, setting.names[0]);
    t.is(setting.names[0].endsWith('_MS'), setting.unit === 'ms', setting.names[0]);
  }
});
