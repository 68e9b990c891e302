/** A chat as OpenAI's SDK for Node sends it. */

export const CHAT_PATH = '/v1/chat/completions';

export const CHAT_BODY = JSON.stringify({
  model: 'gpt-4o-mini',
  messages: [
    { role: 'system', content: 'You are a helpful assistant.' },
    { role: 'user', content: 'Say hello to the world, please, in one short line.' },
  ],
  temperature: 0.7,
  max_tokens: 64,
});

export const CHAT_HEADERS: Readonly<Record<string, string>> = {
  Accept: 'application/json',
  'Content-Type': 'application/json',
  'User-Agent': 'OpenAI/JS 7.55.0',
  'X-Stainless-Retry-Count': '0',
  'X-Stainless-Timeout': '600',
  'X-Stainless-Lang': 'js',
  'X-Stainless-Package-Version': '7.55.0',
  'X-Stainless-OS': 'Linux',
  'X-Stainless-Arch': 'x64',
  'X-Stainless-Runtime': 'node',
  'X-Stainless-Runtime-Version': 'v26.10.0',
  Authorization: `Bearer sk-proj-${'a'.repeat(48)}`,
  'Accept-Encoding': 'gzip, deflate',
};

/** The request as bytes on the wire. */
export function chatRequestText(path: string, body = CHAT_BODY): string {
  const fields = Object.entries({
    Host: '127.0.0.1',
    ...CHAT_HEADERS,
    'Content-Length': String(body.length),
  });
  return `POST ${path} HTTP/1.1\r\n${fields.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n${body}`;
}
