import test from 'ava';
import type { ErrorCode } from '../../../src/base/errors.ts';
import { DEFAULT_REST_MS } from '../../../src/domain/pool/retry-after.ts';
import type { Verdict } from '../../../src/domain/pool/types.ts';
import { type Answer, type JudgePolicy, judge } from '../../../src/domain/pool/verdict.ts';
import type { ProviderName } from '../../../src/stores/pool-types.ts';
import { NOW_MS } from './support.ts';

const BAN_ALL: JudgePolicy = { autoBan: true, ban401: true, ban402: true };

function answer(status: number, fields: Partial<Answer> = {}): Answer {
  return { status, headers: [], provider: 'openai', model: 'gpt-4o', nowMs: NOW_MS, ...fields };
}

/** A verdict in one line: what about the key, what about the upstream, what next. */
function line({ key, upstream, then }: Verdict): string {
  const rest = key.kind === 'rest' ? ` ${key.model} ${key.untilMs - NOW_MS}` : '';
  return `${key.kind}${rest}, ${upstream}, ${then}`;
}

const SUCCESS = 'success, success, relay';
const RELAY = 'none, none, relay';
const BANNED = 'ban, none, another-key';
const OTHER_KEY = 'none, none, another-key';
const UPSTREAM = 'none, strike, retry';
const RESTS = `rest gpt-4o ${DEFAULT_REST_MS}, none, another-key`;

test('statuses without a body are judged by the table', t => {
  const table: [status: number, verdict: string][] = [
    [200, SUCCESS],
    [201, SUCCESS],
    [204, SUCCESS],
    [206, SUCCESS],
    ...[301, 302, 304, 307].map((status): [number, string] => [status, RELAY]),
    ...[400, 404, 405, 409, 413, 415, 422].map((status): [number, string] => [status, RELAY]),
    ...[406, 408, 410, 412, 418, 451, 499].map((status): [number, string] => [status, RELAY]),
    [401, BANNED],
    [402, BANNED],
    [403, RELAY],
    [429, RESTS],
    ...[500, 501, 502, 503, 504, 520, 529, 599].map((status): [number, string] => [status, UPSTREAM]),
  ];
  for (const [status, expected] of table)
    t.is(line(judge(answer(status), BAN_ALL)), expected, String(status));
});

test('failures of the transport are the upstream’s, a client that left is nobody’s', t => {
  const upstreams: ErrorCode[] = [
    'ERR_UPSTREAM_REFUSED',
    'ERR_UPSTREAM_RESET',
    'ERR_UPSTREAM_TIMEOUT',
    'ERR_UPSTREAM_DNS',
    'ERR_UPSTREAM_TLS',
    'ERR_UPSTREAM_PROTOCOL',
  ];
  for (const transport of upstreams) {
    t.is(line(judge(answer(0, { transport }), BAN_ALL)), UPSTREAM, transport);
    t.is(
      line(judge(answer(200, { transport }), BAN_ALL)),
      UPSTREAM,
      `${transport} in the middle of an answer`,
    );
  }
  for (const transport of ['ERR_CLIENT_CLOSED', 'ERR_BODY_TOO_LARGE', 'ERR_SHUTTING_DOWN'] as const) {
    t.is(line(judge(answer(0, { transport }), BAN_ALL)), RELAY, transport);
    t.is(line(judge(answer(401, { transport }), BAN_ALL)), RELAY, `${transport} after a head`);
  }
});

test('the switches decide whether a bad key is banned, struck or rests', t => {
  const refused = answer(401);
  t.is(line(judge(refused, { ...BAN_ALL, ban401: false })), 'strike, none, another-key');
  t.is(line(judge(refused, { ...BAN_ALL, autoBan: false })), 'strike, none, another-key');
  const broke = answer(402, { headers: ['Retry-After', '5'] });
  t.is(line(judge(broke, BAN_ALL)), BANNED);
  t.is(line(judge(broke, { ...BAN_ALL, ban402: false })), 'rest * 5000, none, another-key');
  t.is(line(judge(broke, { ...BAN_ALL, autoBan: false })), 'rest * 5000, none, another-key');
  t.is(line(judge(answer(429), { autoBan: false, ban401: false, ban402: false })), RESTS);
});

test('a 429 rests the key for the model of the request, for all where it names none', t => {
  const headers = ['Retry-After', '5'];
  t.is(line(judge(answer(429, { headers, model: 'o3' }), BAN_ALL)), 'rest o3 5000, none, another-key');
  t.is(line(judge(answer(429, { headers, model: '' }), BAN_ALL)), 'rest * 5000, none, another-key');
});

/** Error bodies as vendors send them. */
const bodies: readonly [
  title: string,
  provider: ProviderName,
  status: number,
  body: unknown,
  expected: string,
][] = [
  // https://platform.openai.com/docs/guides/error-codes
  [
    'an incorrect key',
    'openai',
    401,
    openai(
      'invalid_request_error',
      'invalid_api_key',
      'Incorrect API key provided: sk-abc***xyz. You can find your API key at https://platform.openai.com/account/api-keys.',
    ),
    BANNED,
  ],
  [
    'a deactivated account',
    'openai',
    401,
    openai(
      'invalid_request_error',
      'account_deactivated',
      'The OpenAI account associated with this API key has been deactivated.',
    ),
    BANNED,
  ],
  [
    'no member of an organization',
    'openai',
    401,
    openai('invalid_request_error', null, 'You must be a member of an organization to use the API.'),
    BANNED,
  ],
  [
    'an address outside the allow list',
    'openai',
    401,
    openai('invalid_request_error', 'ip_not_authorized', 'IP not authorized'),
    BANNED,
  ],
  [
    'a restricted key without the scope',
    'openai',
    401,
    openai(
      'invalid_request_error',
      null,
      'You have insufficient permissions for this operation. Missing scopes: api.responses.write.',
    ),
    OTHER_KEY,
  ],
  [
    'the client named an organization of its own',
    'openai',
    401,
    openai(
      'invalid_request_error',
      'mismatched_organization',
      'OpenAI-Organization header should match organization for API key',
    ),
    OTHER_KEY,
  ],
  [
    'an empty account',
    'openai',
    429,
    openai(
      'insufficient_quota',
      'insufficient_quota',
      'You exceeded your current quota, please check your plan and billing details.',
    ),
    BANNED,
  ],
  [
    'an empty account, by type alone',
    'openai',
    429,
    openai('insufficient_quota', null, 'You exceeded your current quota.'),
    BANNED,
  ],
  [
    'used up credit',
    'openai',
    429,
    openai('insufficient_quota', 'credit_balance_exhausted', 'Your credit balance is exhausted.'),
    BANNED,
  ],
  [
    'the hard limit, which comes as 400',
    'openai',
    400,
    openai('invalid_request_error', 'billing_hard_limit_reached', 'Billing hard limit has been reached'),
    BANNED,
  ],
  [
    'too many requests',
    'openai',
    429,
    openai(
      'requests',
      'rate_limit_exceeded',
      'Rate limit reached for gpt-4o in organization org-x on requests per min (RPM): Limit 3, Used 3. Please try again in 20s.',
    ),
    RESTS,
  ],
  [
    'a country that is not served',
    'openai',
    403,
    openai(
      'request_forbidden',
      'unsupported_country_region_territory',
      'Country, region, or territory not supported',
    ),
    RELAY,
  ],
  [
    'no access to a model',
    'openai',
    403,
    openai(
      'invalid_request_error',
      'model_not_found',
      'Project `proj_x` does not have access to model `gpt-4o-mini`',
    ),
    OTHER_KEY,
  ],
  [
    'an unknown model',
    'openai',
    404,
    openai(
      'invalid_request_error',
      'model_not_found',
      'The model `gpt-9` does not exist or you do not have access to it.',
    ),
    RELAY,
  ],
  [
    'a bad parameter',
    'openai',
    400,
    openai('invalid_request_error', 'invalid_value', "Invalid value: 'x'."),
    RELAY,
  ],
  [
    'an overloaded server',
    'openai',
    503,
    openai('service_unavailable_error', 'slow_down', 'Slow Down'),
    UPSTREAM,
  ],
  [
    'an error of the server',
    'openai',
    500,
    openai('server_error', null, 'The server had an error while processing your request.'),
    UPSTREAM,
  ],
  // https://docs.claude.com/en/api/errors
  ['a wrong key', 'anthropic', 401, anthropic('authentication_error', 'invalid x-api-key'), BANNED],
  [
    'a missing permission',
    'anthropic',
    403,
    anthropic('permission_error', 'Your API key does not have permission to use the specified resource.'),
    OTHER_KEY,
  ],
  [
    'an organization without OAuth',
    'anthropic',
    403,
    anthropic('permission_error', 'OAuth authentication is currently not allowed for this organization.'),
    OTHER_KEY,
  ],
  ['billing', 'anthropic', 402, anthropic('billing_error', 'There is an issue with your billing.'), BANNED],
  [
    'a low balance, which comes as 400',
    'anthropic',
    400,
    anthropic(
      'invalid_request_error',
      'Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or purchase credits.',
    ),
    BANNED,
  ],
  [
    'a spending limit, which comes as 400',
    'anthropic',
    400,
    anthropic(
      'invalid_request_error',
      'You have reached your specified API usage limits. You will regain access on 2026-04-01 at 00:00 UTC.',
    ),
    BANNED,
  ],
  [
    'a disabled organization, which comes as 400',
    'anthropic',
    400,
    anthropic('invalid_request_error', 'This organization has been disabled.'),
    BANNED,
  ],
  [
    'a bad request',
    'anthropic',
    400,
    anthropic('invalid_request_error', 'max_tokens: Field required'),
    RELAY,
  ],
  [
    'a rate limit',
    'anthropic',
    429,
    anthropic('rate_limit_error', 'This request would exceed your organization’s rate limit'),
    RESTS,
  ],
  ['overload', 'anthropic', 529, anthropic('overloaded_error', 'Overloaded'), UPSTREAM],
  ['an unknown model', 'anthropic', 404, anthropic('not_found_error', 'model: claude-9'), RELAY],
  // https://ai.google.dev/gemini-api/docs/troubleshooting
  [
    'a wrong key, which comes as 400',
    'gemini',
    400,
    gemini(400, 'INVALID_ARGUMENT', 'API key not valid. Please pass a valid API key.', 'API_KEY_INVALID'),
    BANNED,
  ],
  [
    'a wrong key at the compatible endpoint',
    'gemini',
    400,
    [gemini(400, 'INVALID_ARGUMENT', 'API key not valid. Please pass a valid API key.', 'API_KEY_INVALID')],
    BANNED,
  ],
  [
    'an expired key',
    'gemini',
    400,
    gemini(400, 'INVALID_ARGUMENT', 'API key expired. Please renew the API key.', 'API_KEY_INVALID'),
    BANNED,
  ],
  [
    'an unknown key without details',
    'gemini',
    400,
    gemini(400, 'INVALID_ARGUMENT', 'API Key not found. Please pass a valid API key.'),
    BANNED,
  ],
  ['a bad argument', 'gemini', 400, gemini(400, 'INVALID_ARGUMENT', 'Invalid value at contents[0]'), RELAY],
  [
    'a place that is not served',
    'gemini',
    400,
    gemini(400, 'FAILED_PRECONDITION', 'User location is not supported for the API use.'),
    RELAY,
  ],
  [
    'a suspended key',
    'gemini',
    403,
    gemini(
      403,
      'PERMISSION_DENIED',
      "Permission denied: Consumer 'api_key:AIzaSyCLEAR' has been suspended.",
      'CONSUMER_SUSPENDED',
    ),
    BANNED,
  ],
  [
    'a leaked key',
    'gemini',
    403,
    gemini(403, 'PERMISSION_DENIED', 'Your API key was reported as leaked. Please use another API key.'),
    BANNED,
  ],
  [
    'a project that is shut out',
    'gemini',
    403,
    gemini(403, 'PERMISSION_DENIED', 'Your project has been denied access. Please contact support.'),
    BANNED,
  ],
  [
    'a key for other services',
    'gemini',
    403,
    gemini(403, 'PERMISSION_DENIED', 'Requests to this API are blocked.', 'API_KEY_SERVICE_BLOCKED'),
    BANNED,
  ],
  [
    'billing that is off',
    'gemini',
    403,
    gemini(403, 'PERMISSION_DENIED', 'This API method requires billing to be enabled.', 'BILLING_DISABLED'),
    BANNED,
  ],
  [
    'a resource of others',
    'gemini',
    403,
    gemini(403, 'PERMISSION_DENIED', 'The caller does not have permission'),
    OTHER_KEY,
  ],
  [
    'no credentials',
    'gemini',
    401,
    gemini(401, 'UNAUTHENTICATED', 'Request had invalid authentication credentials.'),
    BANNED,
  ],
  [
    'a limit, in the words of an empty account',
    'gemini',
    429,
    geminiLimit('34s'),
    'rest gpt-4o 34000, none, another-key',
  ],
  [
    'a limit at the compatible endpoint',
    'gemini',
    429,
    [geminiLimit('8.5s')],
    'rest gpt-4o 8500, none, another-key',
  ],
  [
    'a limit without a delay',
    'gemini',
    429,
    gemini(429, 'RESOURCE_EXHAUSTED', 'Resource has been exhausted (e.g. check quota).'),
    RESTS,
  ],
  [
    'overload',
    'gemini',
    503,
    gemini(503, 'UNAVAILABLE', 'The model is overloaded. Please try again later.'),
    UPSTREAM,
  ],
  // https://docs.x.ai/docs/key-information/debugging
  [
    'a wrong key, which comes as 400',
    'xai',
    400,
    {
      code: 'Client specified an invalid argument',
      error: 'Incorrect API key provided: xa***yz. You can obtain an API key from https://console.x.ai.',
    },
    BANNED,
  ],
  [
    'a bad argument',
    'xai',
    400,
    {
      code: 'Client specified an invalid argument',
      error: 'The model expects a single `text` element per message.',
    },
    RELAY,
  ],
  [
    'no credits yet',
    'xai',
    403,
    {
      code: 'The caller does not have permission to execute the specified operation',
      error:
        "Your newly created teams doesn't have any credits yet. You can purchase credits on https://console.x.ai/team/x.",
    },
    BANNED,
  ],
  [
    'used up credits',
    'xai',
    429,
    {
      code: 'Some resource has been exhausted',
      error: 'Your team x has either used all available credits or reached its monthly spending limit.',
    },
    BANNED,
  ],
  [
    'a rate limit',
    'xai',
    429,
    { code: 'Some resource has been exhausted', error: 'Too many requests for team x and model grok-4.' },
    RESTS,
  ],
  [
    'a blocked key',
    'xai',
    403,
    { code: 'permission-denied', error: 'Your API key is currently blocked.' },
    BANNED,
  ],
  // https://learn.microsoft.com/azure/ai-services/openai/reference
  [
    'a wrong key',
    'azure',
    401,
    {
      error: {
        code: '401',
        message:
          'Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key for an active subscription and use a correct regional API endpoint for your resource.',
      },
    },
    BANNED,
  ],
  [
    'a bad token',
    'azure',
    401,
    {
      statusCode: 401,
      message:
        'Unauthorized. Access token is missing, invalid, audience is incorrect (https://cognitiveservices.azure.com), or have expired.',
    },
    BANNED,
  ],
  [
    'a network rule',
    'azure',
    403,
    { error: { code: '403', message: 'Access denied due to Virtual Network/Firewall rules.' } },
    OTHER_KEY,
  ],
  [
    'a rate limit',
    'azure',
    429,
    {
      error: {
        code: '429',
        message:
          'Requests to the ChatCompletions_Create Operation have exceeded call rate limit of your current tier. Please retry after 7 seconds.',
      },
    },
    RESTS,
  ],
  [
    'an unknown deployment',
    'azure',
    404,
    {
      error: { code: 'DeploymentNotFound', message: 'The API deployment for this resource does not exist.' },
    },
    RELAY,
  ],
  [
    'a filtered prompt',
    'azure',
    400,
    {
      error: {
        code: 'content_filter',
        message:
          "The response was filtered due to the prompt triggering Azure OpenAI's content management policy.",
        status: 400,
      },
    },
    RELAY,
  ],
  // Factory answers with problem details (RFC 9457).
  [
    'no subscription',
    'factory',
    402,
    {
      detail: 'No active subscription found.\nSubscribe to start using Droid.',
      status: 402,
      title: 'Payment Required',
    },
    BANNED,
  ],
  ['a wrong key', 'factory', 401, { detail: 'Invalid API key', status: 401, title: 'Unauthorized' }, BANNED],
  [
    'a key that was revoked',
    'factory',
    403,
    { detail: 'This API key has been revoked.', status: 403, title: 'Forbidden' },
    BANNED,
  ],
];

function openai(type: string, code: string | null, message: string): unknown {
  return { error: { message, type, param: null, code } };
}

function anthropic(type: string, message: string): unknown {
  return { type: 'error', error: { type, message }, request_id: 'req_1' };
}

function gemini(code: number, status: string, message: string, reason?: string): unknown {
  const info = { '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason, domain: 'googleapis.com' };
  return { error: { code, message, status, ...(reason === undefined ? {} : { details: [info] }) } };
}

function geminiLimit(retryDelay: string): unknown {
  return {
    error: {
      code: 429,
      message: 'You exceeded your current quota, please check your plan and billing details.',
      status: 'RESOURCE_EXHAUSTED',
      details: [
        {
          '@type': 'type.googleapis.com/google.rpc.QuotaFailure',
          violations: [{ quotaId: 'GenerateRequestsPerMinutePerProjectPerModel-FreeTier' }],
        },
        { '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay },
      ],
    },
  };
}

for (const [title, provider, status, body, expected] of bodies) {
  test(`${provider} ${status} is judged: ${title}`, t => {
    t.is(line(judge(answer(status, { provider, bodyError: body }), BAN_ALL)), expected);
    t.is(
      line(judge(answer(status, { provider, bodyError: JSON.stringify(body) }), BAN_ALL)),
      expected,
      'as text',
    );
  });
}

test('a body that was cut off is judged by the words that are left', t => {
  const cut = (body: unknown) => JSON.stringify(body, null, 2).slice(0, -12);
  const empty = cut(openai('insufficient_quota', 'insufficient_quota', 'You exceeded your current quota.'));
  t.is(line(judge(answer(429, { bodyError: empty }), BAN_ALL)), BANNED);
  const wrong = cut(gemini(400, 'INVALID_ARGUMENT', 'API key not valid.', 'API_KEY_INVALID'));
  t.is(line(judge(answer(400, { provider: 'gemini', bodyError: wrong }), BAN_ALL)), BANNED);
});

test('bodies that are no errors at all, or are huge, are judged by the status', t => {
  const odd = [
    '',
    'upstream connect error',
    '<html>403</html>',
    null,
    7,
    [],
    [null],
    {},
    { error: null },
    { error: 7 },
    '{"error":',
  ];
  for (const bodyError of [...odd, 'x'.repeat(1_000_000), `{"error":{"message":"${'\\'.repeat(1_000_000)}`]) {
    t.is(line(judge(answer(400, { bodyError }), BAN_ALL)), RELAY);
    t.is(line(judge(answer(401, { bodyError }), BAN_ALL)), BANNED);
    t.is(line(judge(answer(403, { bodyError }), BAN_ALL)), RELAY);
    t.is(line(judge(answer(429, { bodyError }), BAN_ALL)), RESTS);
    t.is(line(judge(answer(503, { bodyError }), BAN_ALL)), UPSTREAM);
  }
});

test('a client cannot get a key banned by words that the answer quotes', t => {
  const quotes = [
    "Invalid value: 'Incorrect API key provided'. Supported values are: 'low', 'high'.",
    "Unrecognized request argument supplied: 'insufficient_quota'",
    'The model `Your credit balance is too low` does not support this.',
    "messages[0].content: 'API key not valid. Please pass a valid API key.' is too long",
  ];
  for (const message of quotes) {
    t.is(
      line(judge(answer(400, { bodyError: openai('invalid_request_error', null, message) }), BAN_ALL)),
      RELAY,
    );
    t.is(
      line(judge(answer(400, { provider: 'xai', bodyError: { code: 'x', error: message } }), BAN_ALL)),
      RELAY,
    );
    t.is(line(judge(answer(400, { bodyError: message }), BAN_ALL)), RELAY, 'as text');
  }
});

test('an error as the first event of a stream is judged by what it says', t => {
  const events: [body: unknown, expected: string][] = [
    [anthropic('overloaded_error', 'Overloaded'), UPSTREAM],
    [anthropic('rate_limit_error', 'Too many'), RESTS],
    [anthropic('authentication_error', 'invalid x-api-key'), BANNED],
    [anthropic('invalid_request_error', 'bad'), RELAY],
    [openai('insufficient_quota', 'insufficient_quota', 'You exceeded your current quota'), BANNED],
    [openai('invalid_request_error', 'invalid_api_key', 'Incorrect API key provided'), BANNED],
    [openai('requests', 'rate_limit_exceeded', 'Rate limit reached'), RESTS],
    [openai('server_error', null, 'The server had an error'), UPSTREAM],
    [gemini(503, 'UNAVAILABLE', 'The model is overloaded.'), UPSTREAM],
    [gemini(400, 'INVALID_ARGUMENT', 'API key not valid.', 'API_KEY_INVALID'), BANNED],
    [geminiLimit('34s'), 'rest gpt-4o 34000, none, another-key'],
    ['no JSON', UPSTREAM],
  ];
  for (const [bodyError, expected] of events) {
    t.is(line(judge(answer(200, { bodyError }), BAN_ALL)), expected, JSON.stringify(bodyError));
  }
});

test('no reason repeats what the upstream wrote', t => {
  for (const [title, provider, status, body] of bodies) {
    const { key } = judge(answer(status, { provider, bodyError: body }), BAN_ALL);
    if (!('reason' in key)) continue;
    t.regex(key.reason, /^\d{3} [a-z0-9_ ]+$/, title);
    t.false(key.reason.includes('AIza'));
  }
});
