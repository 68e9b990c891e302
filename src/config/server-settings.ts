import { address, choice, flag, integer, prefixFiles, prefixList, secret, text } from './setting.ts';

/** Settings of the server, the store, access, forwarding, upstreams and logs. */
export const serverSettings = {
  port: integer(
    ['PORT'],
    { min: 0, max: 65535, fallback: 8000 },
    {
      group: 'server',
      meaning: 'TCP port to listen on; 0 takes any free one.',
      meaningZh: '监听的 TCP 端口；0 表示任取一个空闲端口。',
    },
  ),
  host: text(
    ['HOST'],
    { expected: 'an address of this machine', fallback: '0.0.0.0' },
    {
      group: 'server',
      meaning: 'Address to listen on.',
      meaningZh: '监听的地址。',
    },
  ),
  basePath: text(
    ['BASE_PATH'],
    {
      expected: 'empty, or a path that starts with a slash and does not end with one',
      fallback: '',
      pattern: /^(\/[A-Za-z0-9._~-]+)*$/,
    },
    {
      group: 'server',
      meaning:
        'Sub-path under which everything is served when a front does not strip it, for example `/switchyard`.',
      meaningZh: '部署在子路径下时的前缀，例如 `/switchyard`（前置代理不去掉它时使用）。',
    },
  ),
  dataDir: text(
    ['DATA_DIR'],
    { expected: 'a folder', fallback: 'data' },
    {
      group: 'server',
      meaning: 'Folder for the embedded database, generated secrets and the local copy of shared state.',
      meaningZh: '数据文件夹：内置数据库、自动生成的密钥、共享状态的本地副本。',
    },
  ),
  nodeEnv: choice(
    ['NODE_ENV'],
    { values: ['production', 'development', 'test'], fallback: 'development' },
    {
      group: 'server',
      meaning: '`production` refuses weak secrets and writes JSON logs to daily files.',
      meaningZh: '`production` 会拒绝弱密钥，并把 JSON 日志写入按天的文件。',
    },
  ),
  timeZone: text(
    ['TZ'],
    { expected: 'an IANA time zone', fallback: '' },
    {
      group: 'server',
      meaning: "Time zone of the days in statistics and of log files; empty means the system's.",
      meaningZh: '统计中“天”的边界和日志文件所用的时区；留空为系统时区。',
    },
  ),
  shutdownGraceMs: integer(
    ['SHUTDOWN_GRACE_MS'],
    { min: 0, max: 86_400_000, fallback: 30_000 },
    {
      group: 'server',
      unit: 'ms',
      meaning: 'How long open requests may go on after SIGTERM before they are cut.',
      meaningZh: '收到 SIGTERM 后，进行中的请求最多还能继续多久。',
    },
  ),
  trustProxy: flag(['TRUST_PROXY'], false, {
    group: 'server',
    meaning:
      'Believe `X-Forwarded-For`, `X-Forwarded-Proto` and `X-Forwarded-Host` of the front that connects to us (login throttle, panel address).',
    meaningZh: '是否相信前置代理的 `X-Forwarded-*`（用于登录限速和面板显示的地址）。',
  }),
  redisUrl: address(['API_PROXY_REDIS_URL'], ['redis:', 'rediss:'], {
    group: 'store',
    meaning: 'Redis that all instances share. Unset: the embedded SQLite database.',
    meaningZh: '多个实例共享的 Redis；不设置则用内置 SQLite。',
  }),
  redisHost: text(
    ['REDIS_HOST'],
    { expected: 'a host name', fallback: '' },
    {
      group: 'store',
      meaning: 'Host of the shared Redis, where no URL is given.',
      meaningZh: '没有给出 URL 时，共享 Redis 的主机名。',
    },
  ),
  redisPort: integer(
    ['REDIS_PORT'],
    { min: 1, max: 65535, fallback: 6379 },
    {
      group: 'store',
      meaning: 'Port beside `REDIS_HOST`.',
      meaningZh: '与 `REDIS_HOST` 配合的端口。',
    },
  ),
  redisPassword: secret(['REDIS_PASSWORD'], '', {
    group: 'store',
    meaning: 'Password beside `REDIS_HOST`.',
    meaningZh: '与 `REDIS_HOST` 配合的密码。',
  }),
  redisDb: integer(
    ['REDIS_DB'],
    { min: 0, max: 1023, fallback: 0 },
    {
      group: 'store',
      meaning: 'Database number beside `REDIS_HOST`.',
      meaningZh: '与 `REDIS_HOST` 配合的库编号。',
    },
  ),
  adminToken: secret(['ADMIN_TOKEN', 'ADMIN_ACCESS_KEY'], 'generated into `DATA_DIR/admin-token`', {
    group: 'access',
    meaning: 'Secret of `/admin` and `/api/mappings`.',
    meaningZh: '`/admin` 和 `/api/mappings` 的管理密钥。',
  }),
  proxyAccessKey: secret(['PROXY_ACCESS_KEY'], 'none: everyone who can reach the port', {
    group: 'access',
    meaning: 'When set, proxied requests need it in the `x-switchyard-key` field, which is never forwarded.',
    meaningZh: '设置后，代理请求必须在 `x-switchyard-key` 字段中带上它；该字段不会被转发。',
  }),
  publicPanel: flag(['PUBLIC_PANEL'], true, {
    group: 'access',
    meaning: 'Show the panel, `/stats` and `/status` without login.',
    meaningZh: '面板、`/stats` 和 `/status` 是否无需登录。',
  }),
  metricsToken: secret(['METRICS_TOKEN'], 'none: everyone', {
    group: 'access',
    meaning: 'When set, `/metrics` needs it as Bearer token.',
    meaningZh: '设置后，`/metrics` 需要用它作为 Bearer 令牌。',
  }),
  allowPrivateTargets: flag(['ALLOW_PRIVATE_TARGETS'], true, {
    group: 'access',
    meaning:
      'Let mappings reach loopback and private networks. Link-local and cloud metadata addresses are refused always.',
    meaningZh: '映射能否指向回环和内网地址。链路本地和云元数据地址始终拒绝。',
  }),
  via: text(
    ['VIA'],
    { expected: '`on`, `off`, or a pseudonym', fallback: 'on', pattern: /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/ },
    {
      group: 'forwarding',
      meaning:
        '`Via` on forwarded requests (RFC 9110 §7.6.3), which also detects loops; a pseudonym replaces the generated one.',
      meaningZh: '转发时添加 `Via`（RFC 9110 §7.6.3，也用来发现回环）；可写自定义代号。',
    },
  ),
  forwarded: choice(
    ['FORWARDED'],
    { values: ['pass', 'append', 'strip'], fallback: 'pass' },
    {
      group: 'forwarding',
      meaning: '`X-Forwarded-*`, `Forwarded` and `X-Real-IP`: pass as they came, append ours, or strip all.',
      meaningZh: '客户端地址字段：原样通过、追加本机所见，或全部去掉。',
    },
  ),
  cors: flag(['CORS'], true, {
    group: 'forwarding',
    meaning: 'Answer CORS preflights and add CORS fields where the upstream set none.',
    meaningZh: '应答 CORS 预检；上游没有 CORS 字段时补上。',
  }),
  upstreamHttp2: flag(['UPSTREAM_HTTP2'], false, {
    group: 'upstream',
    meaning: 'Speak HTTP/2 to TLS upstreams that offer it by ALPN.',
    meaningZh: '对支持的 TLS 上游使用 HTTP/2（ALPN）。',
  }),
  upstreamConnectTimeoutMs: integer(
    ['UPSTREAM_CONNECT_TIMEOUT_MS'],
    { min: 1, max: 600_000, fallback: 10_000 },
    {
      group: 'upstream',
      unit: 'ms',
      meaning: 'How long connecting to an upstream may take, TLS included, before 504.',
      meaningZh: '连接上游（含 TLS）的时限，超过则 504。',
    },
  ),
  upstreamCaFiles: prefixFiles(['UPSTREAM_CA'], {
    group: 'upstream',
    meaning: 'PEM files of extra certificate authorities, each for one mapping.',
    meaningZh: '按映射追加的 CA 证书（PEM 文件）。',
  }),
  upstreamInsecure: prefixList(['UPSTREAM_INSECURE'], {
    group: 'upstream',
    meaning: 'Mappings whose upstream certificate is not verified. For tests only.',
    meaningZh: '不校验上游证书的映射。仅供测试。',
  }),
  httpsProxy: address(['HTTPS_PROXY', 'https_proxy'], ['http:', 'https:'], {
    group: 'upstream',
    meaning: 'Outbound proxy for `https` upstreams (CONNECT tunnel).',
    meaningZh: '访问 `https` 上游的出站代理（CONNECT 隧道）。',
  }),
  httpProxy: address(['HTTP_PROXY', 'http_proxy'], ['http:', 'https:'], {
    group: 'upstream',
    meaning: 'Outbound proxy for `http` upstreams (CONNECT tunnel).',
    meaningZh: '访问 `http` 上游的出站代理（CONNECT 隧道）。',
  }),
  noProxy: text(
    ['NO_PROXY', 'no_proxy'],
    { expected: 'hosts, comma separated: `.corp.example,10.0.0.5,host:8443`, or `*`', fallback: '' },
    {
      group: 'upstream',
      meaning: 'Hosts reached without the outbound proxy.',
      meaningZh: '不经出站代理的主机。',
    },
  ),
  logDir: text(
    ['LOG_DIR'],
    { expected: 'a folder', fallback: 'logs' },
    {
      group: 'logs',
      meaning: 'Folder of the daily files `switchyard_YYYY-MM-DD.log` in production.',
      meaningZh: '生产模式下按天日志 `switchyard_YYYY-MM-DD.log` 的文件夹。',
    },
  ),
  logLevel: choice(
    ['LOG_LEVEL'],
    { values: ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'], fallback: 'info' },
    {
      group: 'logs',
      meaning: 'Least severe level that is written.',
      meaningZh: '写入日志的最低级别。',
    },
  ),
  logRequests: choice(
    ['LOG_REQUESTS'],
    { values: ['off', 'errors', 'all'], fallback: 'errors' },
    {
      group: 'logs',
      meaning: 'Which proxied requests get a log line. Never bodies, never credentials.',
      meaningZh: '记录哪些代理请求；绝不记录正文和凭据。',
    },
  ),
  logKeepDays: integer(
    ['LOG_KEEP_DAYS'],
    { min: 1, max: 3650, fallback: 14 },
    {
      group: 'logs',
      unit: 'days',
      meaning: 'Daily log files older than this are deleted.',
      meaningZh: '超过这个天数的日志文件会被删除。',
    },
  ),
};
