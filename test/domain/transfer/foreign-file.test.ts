import test from 'ava';
import { AppError } from '../../../src/base/errors.ts';
import { readForeignFile } from '../../../src/domain/transfer/foreign-file.ts';
import type { ForeignPool } from '../../../src/domain/transfer/foreign-pool.ts';
import { detectProvider } from '../../../src/openai/providers.ts';

const NOW_MS = 1_800_000_000_000;

function read(content: unknown): ForeignPool {
  const text = typeof content === 'string' ? content : JSON.stringify(content);
  return readForeignFile(text, { nowMs: NOW_MS, detectProvider });
}

/** As droid2api writes a key that it has just got. */
const FRESH = {
  id: 'key_1730000000000_example1',
  key: 'fk-0123456789abcdef0123456789abcdef',
  provider: 'factory',
  poolGroup: 'freebies',
  status: 'active',
  created_at: '2025-10-12T00:00:00.000Z',
  last_used_at: null,
  usage_count: 0,
  error_count: 0,
  last_error: null,
  last_test_at: null,
  last_test_result: 'untested',
  banned_at: null,
  banned_reason: null,
  notes: '白嫖池密钥示例',
};

const FILE = {
  poolGroups: [
    { id: 'freebies', name: '白嫖池', priority: 1, description: '捡来的免费密钥' },
    { id: 'main', name: '主力池', priority: 2, description: '' },
  ],
  keys: [FRESH],
  stats: { total: 1, active: 1, disabled: 0, banned: 0, last_rotation_index: 0 },
  config: {
    algorithm: 'round-robin',
    multiTier: { enabled: true, autoFallback: true, strictMode: false },
    retry: { enabled: true, maxRetries: 3, retryDelay: 1000 },
    autoBan: { enabled: true, errorThreshold: 5, ban402: true, ban401: false },
    performance: { concurrentLimit: 100, requestTimeout: 10000 },
  },
};

test('a pool file of droid2api is taken whole: groups, keys and settings, without a remark', t => {
  const pool = read(FILE);
  t.deepEqual(pool.groups, FILE.poolGroups);
  t.deepEqual(pool.drafts, [
    {
      line: 1,
      draft: {
        text: FRESH.key,
        provider: 'factory',
        pool: 'freebies',
        notes: FRESH.notes,
        status: 'active',
        statusReason: '',
        statusAtMs: Date.parse(FRESH.created_at),
        createdAtMs: Date.parse(FRESH.created_at),
      },
    },
  ]);
  t.deepEqual(pool.refused, []);
  t.deepEqual(pool.remarks, []);
  t.deepEqual(pool.settings, [
    { algorithm: 'round-robin' },
    { multiTier: { enabled: true } },
    { multiTier: { autoFallback: true } },
    { multiTier: { strictMode: false } },
    { retry: { enabled: true } },
    { retry: { max: 3 } },
    { retry: { delayMs: 1000 } },
    { autoBan: { enabled: true } },
    { autoBan: { threshold: 5 } },
    { autoBan: { ban_402: true } },
    { autoBan: { ban_401: false } },
    { concurrentLimit: 100 },
    { requestTimeoutMs: 10_000 },
  ]);
});

test('what droid2api learned of a key comes with it: its ban, its last test, its status', t => {
  const { drafts } = read({
    keys: [
      { ...FRESH, status: 'banned', banned_at: '2025-11-01T00:00:00Z', banned_reason: 'Payment Required' },
      { ...FRESH, key: 'fk-2', status: 'disabled', last_error: '401: Unauthorized' },
      { ...FRESH, key: 'fk-3', last_test_at: '2025-12-01T00:00:00Z', last_test_result: 'success' },
      {
        ...FRESH,
        key: 'fk-4',
        last_test_at: 1_764_547_200_000,
        last_test_result: 'failed',
        last_error: '402: x',
      },
    ],
  });
  t.like(drafts[0]?.draft, {
    status: 'banned',
    statusReason: 'Payment Required',
    statusAtMs: Date.parse('2025-11-01'),
  });
  t.like(drafts[1]?.draft, { status: 'disabled', statusReason: '401: Unauthorized' });
  const atMs = Date.parse('2025-12-01');
  t.deepEqual(drafts[2]?.draft.lastTest, { atMs, ok: true, status: 200, detail: 'imported' });
  t.deepEqual(drafts[3]?.draft.lastTest, { atMs, ok: false, status: 402, detail: 'imported' });
});

test('what droid2api counted of a key comes with it, and when it was used last', t => {
  const { drafts, remarks } = read({
    ...FILE,
    keys: [
      { ...FRESH, usage_count: 120, error_count: 7, last_used_at: '2025-12-01T10:00:00Z' },
      {
        ...FRESH,
        key: 'fk-2',
        usage_count: undefined,
        error_count: undefined,
        total_requests: 9,
        success_requests: 8,
      },
      { ...FRESH, key: 'fk-3', usage_count: -1, error_count: 'many', last_used_at: 'yesterday' },
      { ...FRESH, key: 'fk-4', usage_count: 1.5, error_count: 2 },
      { key: 'fk-5', last_test_result: 'success', last_used_at: '2025-12-01T10:00:00Z', created_at: 5000 },
      { key: 'fk-6', last_test_result: 'failed', created_at: 5000 },
    ],
  });
  const usedMs = Date.parse('2025-12-01T10:00:00Z');
  t.deepEqual(
    drafts.map(({ draft }) => draft.earlier),
    [
      { requests: 120, failures: 7, lastUsedMs: usedMs },
      { requests: 9, failures: 1 },
      undefined,
      { requests: 0, failures: 2 },
      { requests: 0, failures: 0, lastUsedMs: usedMs },
      undefined,
    ],
  );
  t.deepEqual(
    drafts.map(({ draft }) => draft.lastTest?.atMs),
    [undefined, undefined, undefined, undefined, usedMs, 5000],
  );
  t.deepEqual(remarks, []);
});

test('keys are taken from a bare list, too, and as texts', t => {
  const { drafts } = read(['sk-ant-one', { key: ' xai-two ' }, { key: 'AIza-three', provider: 'google' }]);
  t.deepEqual(
    drafts.map(({ draft }) => [draft.text, draft.provider, draft.pool, draft.createdAtMs]),
    [
      ['sk-ant-one', 'anthropic', 'default', NOW_MS],
      ['xai-two', 'xai', 'default', NOW_MS],
      ['AIza-three', 'gemini', 'default', NOW_MS],
    ],
  );
});

test('a key that cannot be taken costs no other one', t => {
  const pool = read({ keys: [{}, { key: 5 }, null, 'a b', { key: 'x'.repeat(5000) }, 'sk-good'] });
  t.deepEqual(
    pool.drafts.map(({ line }) => line),
    [6],
  );
  t.deepEqual(
    pool.refused.map(({ line, code }) => [line, code]),
    [
      [1, 'ERR_VALIDATION'],
      [2, 'ERR_VALIDATION'],
      [3, 'ERR_VALIDATION'],
      [4, 'ERR_VALIDATION'],
      [5, 'ERR_VALIDATION'],
    ],
  );
});

test('what is not known is remarked upon once, with how often it came', t => {
  const { remarks, drafts, settings } = read({
    version: 2,
    poolGroups: [{ id: 'a', name: 'A', priority: 1, color: 'red' }],
    keys: [
      { key: 'sk-1', weight: 1, provider: 'acme', status: 'sleeping' },
      { key: 'sk-2', weight: 2, provider: 'acme', usage_count: 9 },
    ],
    config: { algorithm: 'fastest', weights: { errors: 1 }, retry: { maxRetries: 99 }, surprise: true },
  });
  t.deepEqual(remarks, [
    '`version` is not known and left out',
    '`poolGroups[].color` is not known and left out',
    '`keys[].weight` is not known and left out (2 times)',
    'a status that is not known is taken as `disabled`',
    "a provider that is not known here is told by the key's format instead (2 times)",
    '`config.algorithm` is not known here, or its value is not allowed: left out',
    '`config.weights.errors` is not known here, or its value is not allowed: left out',
    '`config.retry.maxRetries` is not known here, or its value is not allowed: left out',
    '`config.surprise` is not known here, or its value is not allowed: left out',
  ]);
  t.deepEqual(
    drafts.map(({ draft }) => draft.status),
    ['disabled', 'active'],
  );
  t.deepEqual(settings, []);
});

test('groups whose ids may not be one here get another, and groups that only keys name are made', t => {
  const pool = read({
    poolGroups: [
      { id: '白嫖', name: '白嫖池', priority: 1 },
      { id: 'paid keys', name: 'Paid keys', priority: 'x' },
      { id: '白嫖', name: 'twice', priority: 5 },
      'nonsense',
    ],
    keys: [
      { key: 'sk-1', poolGroup: '白嫖' },
      { key: 'sk-2', poolGroup: 'paid keys' },
      { key: 'sk-3', poolGroup: 'lost' },
      { key: 'sk-4', poolGroup: 'default' },
      { key: 'sk-5', poolGroup: 7 },
      { key: 'sk-6', poolGroup: '__proto__' },
    ],
  });
  t.deepEqual(
    pool.groups.map(({ id, name, priority }) => [id, name, priority]),
    [
      ['pool-2', '白嫖池', 1],
      ['paid-keys', 'Paid keys', 2],
      ['lost', 'lost', 3],
      ['proto', '__proto__', 4],
    ],
  );
  t.deepEqual(
    pool.drafts.map(({ draft }) => draft.pool),
    ['pool-2', 'paid-keys', 'lost', 'default', 'default', 'proto'],
  );
});

test('no part of a key is in anything that is shown', t => {
  const secret = 'fk-zyxwvutsrqponmlkjihgfedcba9876543210';
  const pool = read({
    [secret]: 1,
    keys: [
      {
        ...FRESH,
        key: secret,
        notes: `key ${secret} of Bob`,
        status: 'banned',
        banned_reason: `Incorrect API key provided: fk-zyxwvutsrqpon****3210. ${secret}`,
        last_error: `401: ${secret}`,
        last_test_at: FRESH.created_at,
        last_test_result: 'failed',
        [secret]: 1,
      },
      { key: `${secret} ${secret}` },
    ],
    config: { [secret]: 1, algorithm: secret },
  });
  const { text: _, ...shown } = pool.drafts[0]!.draft;
  const everything = JSON.stringify({ ...pool, drafts: [shown] });
  for (let from = 3; from + 12 <= secret.length; from += 1) {
    t.false(everything.includes(secret.slice(from, from + 12)), everything);
  }
  t.is(shown.notes, 'key fk-…3210 of Bob');
});

test('a plain text has one key a line', t => {
  const { drafts, refused } = read('# mine\nsk-ant-1\n\n"xai-2"; sk-3,\nbad key\n');
  t.deepEqual(
    drafts.map(({ line, draft }) => [line, draft.text, draft.provider]),
    [
      [2, 'sk-ant-1', 'anthropic'],
      [4, 'xai-2', 'xai'],
      [4, 'sk-3', 'openai'],
    ],
  );
  t.deepEqual(
    refused.map(({ line }) => line),
    [5],
  );
});

test('a file that only looks like a pool file is refused without quoting it', t => {
  for (const text of [
    '{"keys": [{"key": "sk-secret-text"',
    '{"key":"sk-secret-text"}',
    '{"keys":"sk-secret-text"}',
  ]) {
    const error = t.throws(() => read(text), { instanceOf: AppError });
    t.is(error.code, 'ERR_VALIDATION');
    t.false(JSON.stringify([error.message, error.stack, error.cause]).includes('secret-text'));
  }
});
