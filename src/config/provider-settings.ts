import { nameList, type Setting, text } from './setting.ts';

/** Where a vendor's API lies. `openai/providers.ts` says how paths are joined to it. */
function baseUrl(name: string, vendor: string, fallback: string): Setting<string> {
  return text(
    [name],
    {
      expected: 'an `http` or `https` URL without query and credentials',
      fallback,
      pattern: /^https?:\/\/[^\s/?#@\\]+(?:\/[^\s?#\\]*)?$/i,
    },
    {
      group: 'pool',
      meaning: `Base URL for keys of ${vendor} that have none of their own. What a path has after \`/v1\` is put behind it; without a path it gets the vendor's.`,
      meaningZh: `没有自带地址的 ${vendor} 密钥所用的基础 URL。请求路径中 \`/v1\` 之后的部分接在它后面；不带路径时使用该供应商的默认路径。`,
    },
  );
}

/** The vendors behind `/v1`, and what is said of their models. */
export const providerSettings = {
  openaiBaseUrl: baseUrl('OPENAI_BASE_URL', 'OpenAI', 'https://api.openai.com/v1'),
  anthropicBaseUrl: baseUrl('ANTHROPIC_BASE_URL', 'Anthropic', 'https://api.anthropic.com/v1'),
  geminiBaseUrl: baseUrl(
    'GEMINI_BASE_URL',
    'Gemini',
    'https://generativelanguage.googleapis.com/v1beta/openai',
  ),
  xaiBaseUrl: baseUrl('XAI_BASE_URL', 'xAI', 'https://api.x.ai/v1'),
  factoryBaseUrl: baseUrl('FACTORY_BASE_URL', 'Factory', 'https://api.factory.ai/api/llm'),
  models: nameList(['MODELS'], {
    group: 'pool',
    meaning:
      'Models that `GET /v1/models` always names, beside those that the providers list. Factory has no list of its own.',
    meaningZh: '`GET /v1/models` 始终列出的模型，与各供应商返回的列表合并。Factory 没有自己的列表。',
  }),
};
