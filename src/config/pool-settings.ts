import { choice, encryptionKeys, flag, integer, optional, secret, secretList, text } from './setting.ts';

const DAY_MS = 86_400_000;

/** Settings of `/v1`: who may use it, where keys come from, how they are chosen and judged. */
export const poolSettings = {
  apiAccessKey: secret(['API_ACCESS_KEY'], 'generated into `DATA_DIR/api-access-key`', {
    group: 'access',
    meaning: 'Access key of `/v1`, as Bearer token, `x-api-key` or `api-key`.',
    meaningZh: '`/v1` 的访问密钥，可作 Bearer 令牌、`x-api-key` 或 `api-key`。',
  }),
  allowAnonymous: flag(['ALLOW_ANONYMOUS'], false, {
    group: 'access',
    meaning: 'Let everyone who can reach the port use `/v1`, at the cost of your keys.',
    meaningZh: '允许能连到端口的任何人使用 `/v1`（消耗你的密钥）。',
  }),
  encryptionKey: encryptionKeys(
    ['ENCRYPTION_KEY'],
    'generated into `DATA_DIR/encryption-key`; with Redis none, and the key pool cannot be used',
    {
      group: 'access',
      meaning:
        'Encrypts stored upstream keys and tokens (AES-256-GCM); the same at every instance. They cannot be read without it.',
      meaningZh: '加密存储的上游密钥和令牌（AES-256-GCM）；所有实例必须相同，丢失后无法恢复。',
    },
  ),
  factoryApiKeys: secretList(['FACTORY_API_KEY'], {
    group: 'pool',
    meaning: 'Upstream keys of the environment, read-only. First of the five sources.',
    meaningZh: '来自环境变量的上游密钥（只读），五种来源中优先级最高。',
  }),
  openaiApiKeys: secretList(['OPENAI_API_KEYS'], {
    group: 'pool',
    meaning: 'More of the same; the provider is told by the format of each key.',
    meaningZh: '同上；供应商按每个密钥的格式识别。',
  }),
  factoryKeysFile: text(
    ['FACTORY_KEYS_FILE'],
    { expected: 'a file', fallback: 'factory_keys.txt' },
    {
      group: 'pool',
      meaning: 'File with upstream keys, one a line, `#` comments; read again when it changes.',
      meaningZh: '上游密钥文件，每行一个，`#` 为注释；变化后自动重读。',
    },
  ),
  droidRefreshKey: secret(['DROID_REFRESH_KEY'], '', {
    group: 'pool',
    meaning: 'OAuth refresh token that is traded for access tokens.',
    meaningZh: '用来换取访问令牌的 OAuth 刷新令牌。',
  }),
  oauthTokenUrl: text(
    ['OAUTH_TOKEN_URL'],
    {
      expected: 'a URL',
      fallback: 'https://api.workos.com/user_management/authenticate',
      pattern: /^https?:\/\/[^\s@]+$/,
    },
    {
      group: 'pool',
      meaning: 'Where the refresh token is traded.',
      meaningZh: '用刷新令牌换取访问令牌的地址。',
    },
  ),
  oauthClientId: text(
    ['OAUTH_CLIENT_ID'],
    { expected: 'a client id', fallback: 'client_01HNM792M5G5G1A2THWPXKFMXB' },
    {
      group: 'pool',
      meaning: 'Client id sent with the refresh token.',
      meaningZh: '与刷新令牌一起发送的 client id。',
    },
  ),
  keyPoolAlgorithm: optional(
    choice(
      ['KEY_POOL_ALGORITHM'],
      {
        values: [
          'round-robin',
          'random',
          'least-used',
          'weighted-score',
          'least-token-used',
          'max-remaining',
          'weighted',
          'simple',
        ],
        fallback: 'round-robin',
      },
      {
        group: 'pool',
        meaning: 'How a key is chosen. `weighted` is `weighted-score`, `simple` is `round-robin`.',
        meaningZh: '选择密钥的算法。`weighted` 即 `weighted-score`，`simple` 即 `round-robin`。',
      },
    ),
  ),
  keyPoolRetryEnabled: optional(
    flag(['KEY_POOL_RETRY_ENABLED'], true, {
      group: 'pool',
      meaning: 'Ask again after an upstream failed.',
      meaningZh: '上游失败后是否重试。',
    }),
  ),
  keyPoolRetryMax: optional(
    integer(
      ['KEY_POOL_RETRY_MAX'],
      { min: 0, max: 20, fallback: 3 },
      {
        group: 'pool',
        meaning: 'Retries of one request. Going on to another key is not one.',
        meaningZh: '每个请求的重试次数；换一个密钥不算重试。',
      },
    ),
  ),
  keyPoolRetryDelayMs: optional(
    integer(
      ['KEY_POOL_RETRY_DELAY_MS'],
      { min: 0, max: 60_000, fallback: 1000 },
      {
        group: 'pool',
        unit: 'ms',
        meaning: 'Wait before the first retry; doubles with each, with jitter.',
        meaningZh: '第一次重试前的等待；逐次翻倍并加抖动。',
      },
    ),
  ),
  keyPoolAutoBanEnabled: optional(
    flag(['KEY_POOL_AUTO_BAN_ENABLED'], true, {
      group: 'pool',
      meaning: 'Ban keys that the upstream refuses.',
      meaningZh: '是否自动封禁被上游拒绝的密钥。',
    }),
  ),
  keyPoolErrorThreshold: optional(
    integer(
      ['KEY_POOL_ERROR_THRESHOLD'],
      { min: 1, max: 1000, fallback: 5 },
      {
        group: 'pool',
        meaning: 'Consecutive strikes after which a key is banned.',
        meaningZh: '连续失败多少次后封禁密钥。',
      },
    ),
  ),
  keyPoolBan402: optional(
    flag(['KEY_POOL_BAN_402'], true, {
      group: 'pool',
      meaning: 'Ban a key at once when its credit is used up.',
      meaningZh: '密钥额度用尽时是否立即封禁。',
    }),
  ),
  keyPoolBan401: optional(
    flag(['KEY_POOL_BAN_401'], false, {
      group: 'pool',
      meaning: 'Ban a key at once when the upstream says that it is invalid; else it is a strike.',
      meaningZh: '上游判定密钥无效时是否立即封禁；否则只记一次失败。',
    }),
  ),
  keyPoolConcurrentLimit: optional(
    integer(
      ['KEY_POOL_CONCURRENT_LIMIT'],
      { min: 1, max: 100_000, fallback: 100 },
      {
        group: 'pool',
        meaning: 'Requests in flight per key.',
        meaningZh: '每个密钥同时进行的请求数上限。',
      },
    ),
  ),
  keyPoolRequestTimeoutMs: optional(
    integer(
      ['KEY_POOL_REQUEST_TIMEOUT_MS'],
      { min: 100, max: 600_000, fallback: 10_000 },
      {
        group: 'pool',
        unit: 'ms',
        meaning: 'How long the test of a key may take.',
        meaningZh: '测试一个密钥的时限。',
      },
    ),
  ),
  keyPoolMultiTierEnabled: optional(
    flag(['KEY_POOL_MULTI_TIER_ENABLED'], true, {
      group: 'pool',
      meaning: 'Ask pool groups in order of priority; else all keys are one pool.',
      meaningZh: '按优先级依次使用密钥池分组；否则所有密钥视为一个池。',
    }),
  ),
  keyPoolAutoFallback: optional(
    flag(['KEY_POOL_AUTO_FALLBACK'], true, {
      group: 'pool',
      meaning: 'Go on to the next group when no key of this one is usable.',
      meaningZh: '当前分组没有可用密钥时，使用下一个分组。',
    }),
  ),
  keyPoolStrictMode: optional(
    flag(['KEY_POOL_STRICT_MODE'], false, {
      group: 'pool',
      meaning: 'Stay with the first group, whatever its state.',
      meaningZh: '只使用第一个分组，无论其状态。',
    }),
  ),
  keyPoolRecoveryEnabled: optional(
    flag(['KEY_POOL_RECOVERY_ENABLED'], false, {
      group: 'pool',
      meaning: 'Test banned keys again from time to time and take back those that work.',
      meaningZh: '定期重新测试被封禁的密钥，恢复可用者。',
    }),
  ),
  keyPoolRecoveryIntervalMs: optional(
    integer(
      ['KEY_POOL_RECOVERY_INTERVAL_MS'],
      { min: 1000, max: 30 * DAY_MS, fallback: 600_000 },
      {
        group: 'pool',
        unit: 'ms',
        meaning: 'From a ban to its first re-test; doubles with every test that fails.',
        meaningZh: '从封禁到首次重测的时间；每次失败后翻倍。',
      },
    ),
  ),
  keyPoolRecoveryMaxIntervalMs: optional(
    integer(
      ['KEY_POOL_RECOVERY_MAX_INTERVAL_MS'],
      { min: 1000, max: 365 * DAY_MS, fallback: DAY_MS },
      {
        group: 'pool',
        unit: 'ms',
        meaning: 'Longest time between two re-tests.',
        meaningZh: '两次重测之间的最长间隔。',
      },
    ),
  ),
  keyPoolCircuitThreshold: optional(
    integer(
      ['KEY_POOL_CIRCUIT_THRESHOLD'],
      { min: 1, max: 1000, fallback: 5 },
      {
        group: 'pool',
        meaning: 'Consecutive failures of an upstream after which it is left alone.',
        meaningZh: '上游连续失败多少次后暂时不再请求。',
      },
    ),
  ),
  keyPoolCircuitOpenMs: optional(
    integer(
      ['KEY_POOL_CIRCUIT_OPEN_MS'],
      { min: 100, max: DAY_MS, fallback: 30_000 },
      {
        group: 'pool',
        unit: 'ms',
        meaning: 'How long it is left alone.',
        meaningZh: '暂停请求上游的时长。',
      },
    ),
  ),
  keyPoolDryThreshold: optional(
    integer(
      ['KEY_POOL_DRY_THRESHOLD'],
      { min: 0, max: 1_000_000, fallback: 1 },
      {
        group: 'pool',
        meaning: 'Warn when fewer keys than this are usable; 0 is never.',
        meaningZh: '可用密钥少于此数时告警；0 表示从不。',
      },
    ),
  ),
  maxBodyBytes: integer(
    ['MAX_BODY_BYTES'],
    { min: 1024, max: 2 ** 31 - 1, fallback: 50 * 1024 * 1024 },
    {
      group: 'pool',
      unit: 'bytes',
      meaning: 'Largest body on `/v1`; it is kept so that the request can be repeated.',
      meaningZh: '`/v1` 请求正文的上限；正文会保留以便重试。',
    },
  ),
  maxUploadBytes: integer(
    ['MAX_UPLOAD_BYTES'],
    { min: 1024, max: Number.MAX_SAFE_INTEGER, fallback: 1024 * 1024 * 1024 },
    {
      group: 'pool',
      unit: 'bytes',
      meaning: 'Largest multipart upload on `/v1`; it is streamed once and never repeated.',
      meaningZh: '`/v1` 上 multipart 上传的上限；只流式发送一次，不重试。',
    },
  ),
  upstreamFirstByteTimeoutMs: integer(
    ['UPSTREAM_FIRST_BYTE_TIMEOUT_MS'],
    { min: 0, max: DAY_MS, fallback: 600_000 },
    {
      group: 'pool',
      unit: 'ms',
      meaning:
        'On `/v1`, to the first byte of the answer’s body, so it bounds the first token too; 0 is no limit.',
      meaningZh: '`/v1`：到响应正文第一个字节（即首个 token）的时限；0 为不限。',
    },
  ),
  upstreamIdleTimeoutMs: integer(
    ['UPSTREAM_IDLE_TIMEOUT_MS'],
    { min: 0, max: DAY_MS, fallback: 600_000 },
    {
      group: 'pool',
      unit: 'ms',
      meaning: 'On `/v1`, silence in the middle of an answer; 0 is no limit.',
      meaningZh: '`/v1`：响应中途静默的时限；0 为不限。',
    },
  ),
  upstreamTotalTimeoutMs: integer(
    ['UPSTREAM_TOTAL_TIMEOUT_MS'],
    { min: 0, max: DAY_MS, fallback: 0 },
    {
      group: 'pool',
      unit: 'ms',
      meaning: 'On `/v1`, one try from its beginning to the end of its answer; 0 is no limit.',
      meaningZh: '`/v1`：一次尝试从开始到响应结束的时限；0 为不限。',
    },
  ),
};

/** Settings that the console may override, and their dotted names in `PUT /admin/config`. */
export const POOL_CONFIG_NAMES = {
  keyPoolAlgorithm: 'algorithm',
  keyPoolRetryEnabled: 'retry.enabled',
  keyPoolRetryMax: 'retry.max',
  keyPoolRetryDelayMs: 'retry.delayMs',
  keyPoolAutoBanEnabled: 'autoBan.enabled',
  keyPoolErrorThreshold: 'autoBan.threshold',
  keyPoolBan401: 'autoBan.ban_401',
  keyPoolBan402: 'autoBan.ban_402',
  keyPoolConcurrentLimit: 'concurrentLimit',
  keyPoolRequestTimeoutMs: 'requestTimeoutMs',
  keyPoolMultiTierEnabled: 'multiTier.enabled',
  keyPoolAutoFallback: 'multiTier.autoFallback',
  keyPoolStrictMode: 'multiTier.strictMode',
  keyPoolRecoveryEnabled: 'recovery.enabled',
  keyPoolRecoveryIntervalMs: 'recovery.intervalMs',
  keyPoolRecoveryMaxIntervalMs: 'recovery.maxIntervalMs',
  keyPoolCircuitThreshold: 'circuit.threshold',
  keyPoolCircuitOpenMs: 'circuit.openMs',
  keyPoolDryThreshold: 'dryThreshold',
} as const;
