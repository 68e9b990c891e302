// @ts-check
import { vendorOf } from './vendors.js';

/** @typedef {{ id: 'env' | 'curl' | 'python' | 'javascript', text: string }} Snippet */

/**
 * Ready-to-paste ways to use a proxy address.
 *
 * @param {string} prefix
 * @param {string} address of the prefix, as the browser reaches it: `https://gate.example/openai`
 * @returns {readonly Snippet[]}
 */
export function snippetsFor(prefix, address) {
  const vendor = vendorOf(prefix);
  const write = writers[vendor.dialect];
  return [
    { id: 'env', text: environment(address, vendor) },
    { id: 'curl', text: write.curl(address + vendor.path, vendor) },
    { id: 'python', text: write.python(address + vendor.path, vendor) },
    { id: 'javascript', text: write.javascript(address + vendor.path, vendor) },
  ];
}

/**
 * @param {string} address
 * @param {import('./vendors.js').Vendor} vendor
 */
function environment(address, vendor) {
  const pairs = [...vendor.variables.map(([name, path]) => [name, address + path]), [vendor.key, '…']];
  return [
    '# bash, zsh',
    ...pairs.map(([name, value]) => `export ${name}="${value}"`),
    '',
    '# PowerShell',
    ...pairs.map(([name, value]) => `$env:${name} = "${value}"`),
    '',
    '# .env, Docker',
    ...pairs.map(([name, value]) => `${name}=${value}`),
  ].join('\n');
}

/** @typedef {(url: string, vendor: import('./vendors.js').Vendor) => string} Writer */

/** @type {Record<import('./vendors.js').Dialect, Record<'curl' | 'python' | 'javascript', Writer>>} */
const writers = {
  openai: {
    curl: (url, { key, model }) => `curl ${url}/chat/completions \\
  -H "Authorization: Bearer $${key}" \\
  -H "Content-Type: application/json" \\
  -d '{
    "model": "${model}",
    "messages": [
      {"role": "user", "content": "Hello"}
    ]
  }'`,
    python: (url, { key, model }) => `import os
from openai import OpenAI

client = OpenAI(
    base_url="${url}",
    api_key=os.environ["${key}"],
)
answer = client.chat.completions.create(
    model="${model}",
    messages=[{"role": "user", "content": "Hello"}],
)
print(answer.choices[0].message.content)`,
    javascript: (url, { key, model }) => `import OpenAI from 'openai';

const client = new OpenAI({
  baseURL: '${url}',
  apiKey: process.env.${key},
});
const answer = await client.chat.completions.create({
  model: '${model}',
  messages: [{ role: 'user', content: 'Hello' }],
});
console.log(answer.choices[0].message.content);`,
  },
  anthropic: {
    curl: (url, { key, model }) => `curl ${url}/v1/messages \\
  -H "x-api-key: $${key}" \\
  -H "anthropic-version: 2023-06-01" \\
  -H "Content-Type: application/json" \\
  -d '{
    "model": "${model}",
    "max_tokens": 1024,
    "messages": [
      {"role": "user", "content": "Hello"}
    ]
  }'`,
    python: (url, { key, model }) => `import os
from anthropic import Anthropic

client = Anthropic(
    base_url="${url}",
    api_key=os.environ["${key}"],
)
answer = client.messages.create(
    model="${model}",
    max_tokens=1024,
    messages=[{"role": "user", "content": "Hello"}],
)
print(answer.content[0].text)`,
    javascript: (url, { key, model }) => `import Anthropic from '@anthropic-ai/sdk';

const client = new Anthropic({
  baseURL: '${url}',
  apiKey: process.env.${key},
});
const answer = await client.messages.create({
  model: '${model}',
  max_tokens: 1024,
  messages: [{ role: 'user', content: 'Hello' }],
});
console.log(answer.content[0].text);`,
  },
  gemini: {
    curl: (url, { key, model }) => `curl ${url}/v1beta/models/${model}:generateContent \\
  -H "x-goog-api-key: $${key}" \\
  -H "Content-Type: application/json" \\
  -d '{
    "contents": [
      {"parts": [{"text": "Hello"}]}
    ]
  }'`,
    python: (url, { key, model }) => `import os
from google import genai

client = genai.Client(
    api_key=os.environ["${key}"],
    http_options={"base_url": "${url}"},
)
answer = client.models.generate_content(
    model="${model}",
    contents="Hello",
)
print(answer.text)`,
    javascript: (url, { key, model }) => `import { GoogleGenAI } from '@google/genai';

const client = new GoogleGenAI({
  apiKey: process.env.${key},
  httpOptions: { baseUrl: '${url}' },
});
const answer = await client.models.generateContent({
  model: '${model}',
  contents: 'Hello',
});
console.log(answer.text);`,
  },
  generic: {
    curl: (url, { key }) => `curl ${url}/ \\
  -H "Authorization: Bearer $${key}"`,
    python: (url, { key }) => `import os
import requests

answer = requests.get(
    "${url}/",
    headers={"Authorization": f"Bearer {os.environ['${key}']}"},
)
print(answer.status_code, answer.text)`,
    javascript: (url, { key }) => `const answer = await fetch('${url}/', {
  headers: { authorization: \`Bearer \${process.env.${key}}\` },
});
console.log(answer.status, await answer.text());`,
  },
};
