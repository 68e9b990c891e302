import test from 'ava';
import { DEFAULT_REST_MS, LONGEST_REST_MS, restUntilMs } from '../../../src/domain/pool/retry-after.ts';
import { NOW_MS } from './support.ts';

const HOUR_MS = 3_600_000;

/** What the answer says → ms from now. */
const cases: readonly [title: string, headers: readonly string[], waitMs: number][] = [
  ['nothing', [], DEFAULT_REST_MS],
  ['seconds', ['Retry-After', '7'], 7000],
  ['seconds with a fraction', ['retry-after', '0.25'], 250],
  ['an HTTP date', ['Retry-After', new Date(NOW_MS + 90_000).toUTCString()], 90_000],
  ['a date in the past', ['Retry-After', new Date(NOW_MS - 90_000).toUTCString()], DEFAULT_REST_MS],
  ['zero seconds', ['Retry-After', '0'], DEFAULT_REST_MS],
  ['a negative wait', ['Retry-After', '-5'], DEFAULT_REST_MS],
  ['words', ['Retry-After', 'soon'], DEFAULT_REST_MS],
  ['a year', ['Retry-After', '31536000'], LONGEST_REST_MS],
  ['more digits than a number has', ['Retry-After', '9'.repeat(400)], DEFAULT_REST_MS],
  ['milliseconds', ['retry-after-ms', '1234'], 1234],
  ['milliseconds beside rounded seconds', ['retry-after', '2', 'retry-after-ms', '1234'], 1234],
  ['milliseconds that are none', ['retry-after-ms', 'x', 'retry-after', '2'], 2000],
  ['minutes and seconds', ['x-ratelimit-reset-requests', '6m0s'], 360_000],
  ['hours', ['x-ratelimit-reset-tokens', '1h2m3s'], HOUR_MS + 123_000],
  ['milliseconds with a unit', ['x-ratelimit-reset-requests', '20ms'], 20],
  ['seconds and milliseconds', ['x-ratelimit-reset-requests', '1s500ms'], 1500],
  ['a fraction with a unit', ['x-ratelimit-reset-tokens', '59.7s'], 59_700],
  ['seconds without a unit', ['x-ratelimit-reset-tokens', '58'], 58_000],
  ['a reset in epoch seconds', ['x-ratelimit-reset', String((NOW_MS + 30_000) / 1000)], 30_000],
  ['a reset in epoch milliseconds', ['X-RateLimit-Reset', String(NOW_MS + 30_000)], 30_000],
  [
    'values that say nothing',
    ['x-ratelimit-reset-tokens', '0', 'x-ratelimit-reset-requests', '-1'],
    DEFAULT_REST_MS,
  ],
  [
    'the limit that is exhausted',
    [
      ...['x-ratelimit-remaining-requests', '0', 'x-ratelimit-reset-requests', '2s'],
      ...['x-ratelimit-remaining-tokens', '9000', 'x-ratelimit-reset-tokens', '6m0s'],
    ],
    2000,
  ],
  [
    'the later of two exhausted limits',
    [
      ...['X-RateLimit-Remaining-Requests', '0', 'X-RateLimit-Reset-Requests', '2s'],
      ...['X-RateLimit-Remaining-Tokens', '0', 'X-RateLimit-Reset-Tokens', '6m0s'],
    ],
    360_000,
  ],
  [
    'the later reset where no limit says that it is exhausted',
    ['x-ratelimit-reset-requests', '2s', 'x-ratelimit-reset-tokens', '4s'],
    4000,
  ],
  [
    'a reset as an RFC 3339 date',
    ['anthropic-ratelimit-requests-reset', new Date(NOW_MS + 12_000).toISOString()],
    12_000,
  ],
  [
    'the exhausted one of several RFC 3339 resets',
    [
      ...['anthropic-ratelimit-requests-remaining', '49'],
      ...['anthropic-ratelimit-requests-reset', new Date(NOW_MS + HOUR_MS).toISOString()],
      ...['anthropic-ratelimit-input-tokens-remaining', '0'],
      ...['anthropic-ratelimit-input-tokens-reset', new Date(NOW_MS + 33_000).toISOString()],
    ],
    33_000,
  ],
  ['Retry-After before resets', ['x-ratelimit-reset-requests', '6m0s', 'Retry-After', '3'], 3000],
];

for (const [title, headers, waitMs] of cases) {
  test(`a limited key rests as the answer says: ${title}`, t => {
    t.is(restUntilMs(headers, undefined, NOW_MS) - NOW_MS, waitMs);
  });
}

test("Gemini's retryDelay counts, bare and in an array, after Retry-After and before resets", t => {
  const body = {
    error: {
      code: 429,
      status: 'RESOURCE_EXHAUSTED',
      details: [
        { '@type': 'type.googleapis.com/google.rpc.Help', links: [] },
        { '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '34s' },
      ],
    },
  };
  t.is(restUntilMs([], body, NOW_MS) - NOW_MS, 34_000);
  t.is(restUntilMs([], [body], NOW_MS) - NOW_MS, 34_000);
  t.is(restUntilMs([], body.error, NOW_MS) - NOW_MS, 34_000);
  t.is(restUntilMs(['x-ratelimit-reset', '5'], body, NOW_MS) - NOW_MS, 34_000);
  t.is(restUntilMs(['Retry-After', '5'], body, NOW_MS) - NOW_MS, 5000);
  const fraction = { error: { details: [{ retryDelay: '34.074824224s' }] } };
  t.is(restUntilMs([], fraction, NOW_MS) - NOW_MS, 34_075);
  for (const retryDelay of ['0s', 'soon', 34, null, '-3s']) {
    t.is(restUntilMs([], { error: { details: [{ retryDelay }] } }, NOW_MS) - NOW_MS, DEFAULT_REST_MS);
  }
});

test('whatever stands in headers and body, a rest ends in the future and within a day', t => {
  const odd = [
    '',
    ' ',
    'NaN',
    'Infinity',
    '1e3',
    '-0',
    '٣',
    '6m0x',
    'Mon',
    '0x10',
    '1.2.3',
    '2026-01-15T12:00:00Z',
  ];
  const names = [
    'retry-after',
    'retry-after-ms',
    'x-ratelimit-reset-tokens',
    'anthropic-ratelimit-tokens-reset',
  ];
  for (const name of names) {
    for (const value of odd) {
      for (const body of [undefined, null, 'text', [], [null], { error: 'x' }, { error: { details: 'x' } }]) {
        const untilMs = restUntilMs([name, value], body, NOW_MS);
        t.true(untilMs > NOW_MS && untilMs <= NOW_MS + LONGEST_REST_MS, `${name}: ${value}`);
      }
    }
  }
});
