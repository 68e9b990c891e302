// @ts-check

/**
 * How clients of the known vendors are pointed at a proxy address. A prefix tells its vendor by its name only, because
 * the panel does not show where a mapping leads.
 *
 * @typedef {'openai' | 'anthropic' | 'gemini' | 'generic'} Dialect
 * @typedef {object} Vendor
 * @property {readonly string[]} names words that a prefix is known by
 * @property {Dialect} dialect which client library speaks to it
 * @property {string} path what follows the prefix in that library's base URL
 * @property {string} key environment variable of the vendor's API key
 * @property {string} model
 * @property {readonly (readonly [string, string])[]} variables environment variables that tools read, and what follows
 *   the prefix in each
 */

/** @type {readonly Vendor[]} */
const vendors = [
  {
    names: ['openai', 'chatgpt', 'gpt'],
    dialect: 'openai',
    path: '/v1',
    key: 'OPENAI_API_KEY',
    model: 'gpt-5-mini',
    variables: [['OPENAI_BASE_URL', '/v1']],
  },
  {
    names: ['claude', 'anthropic'],
    dialect: 'anthropic',
    path: '',
    key: 'ANTHROPIC_API_KEY',
    model: 'claude-sonnet-4-5',
    variables: [['ANTHROPIC_BASE_URL', '']],
  },
  {
    names: ['gemini', 'google', 'generativelanguage'],
    dialect: 'gemini',
    path: '',
    key: 'GEMINI_API_KEY',
    model: 'gemini-2.5-flash',
    variables: [
      ['GOOGLE_GEMINI_BASE_URL', ''],
      ['GEMINI_BASE_URL', ''],
    ],
  },
  {
    names: ['xai', 'grok'],
    dialect: 'openai',
    path: '/v1',
    key: 'XAI_API_KEY',
    model: 'grok-4',
    variables: [
      ['XAI_BASE_URL', '/v1'],
      ['XAI_API_BASE', '/v1'],
    ],
  },
  {
    names: ['groq'],
    dialect: 'openai',
    path: '/openai/v1',
    key: 'GROQ_API_KEY',
    model: 'llama-3.3-70b-versatile',
    variables: [['GROQ_BASE_URL', '']],
  },
  {
    names: ['deepseek'],
    dialect: 'openai',
    path: '/v1',
    key: 'DEEPSEEK_API_KEY',
    model: 'deepseek-chat',
    variables: [['OPENAI_BASE_URL', '/v1']],
  },
  {
    names: ['mistral'],
    dialect: 'openai',
    path: '/v1',
    key: 'MISTRAL_API_KEY',
    model: 'mistral-small-latest',
    variables: [['OPENAI_BASE_URL', '/v1']],
  },
  {
    names: ['openrouter'],
    dialect: 'openai',
    path: '/api/v1',
    key: 'OPENROUTER_API_KEY',
    model: 'openai/gpt-5-mini',
    variables: [['OPENAI_BASE_URL', '/api/v1']],
  },
  {
    names: ['moonshot', 'kimi'],
    dialect: 'openai',
    path: '/v1',
    key: 'MOONSHOT_API_KEY',
    model: 'kimi-latest',
    variables: [['OPENAI_BASE_URL', '/v1']],
  },
  {
    names: ['together'],
    dialect: 'openai',
    path: '/v1',
    key: 'TOGETHER_API_KEY',
    model: 'meta-llama/Llama-3.3-70B-Instruct-Turbo',
    variables: [['TOGETHER_BASE_URL', '/v1']],
  },
];

/** @type {Vendor} */
const unknown = {
  names: [],
  dialect: 'generic',
  path: '',
  key: 'API_KEY',
  model: '',
  variables: [
    ['OPENAI_BASE_URL', '/v1'],
    ['ANTHROPIC_BASE_URL', ''],
  ],
};

/**
 * The vendor that a prefix is named after: `/claude`, `/openai-eu` and `/team/openai` are known.
 *
 * @param {string} prefix
 * @returns {Vendor}
 */
export function vendorOf(prefix) {
  const words = prefix.toLowerCase().split(/[^a-z0-9]+/);
  return vendors.find(({ names }) => names.some(name => words.includes(name))) ?? unknown;
}
