import { randomBytes } from 'node:crypto';
import type { ExecutionContext } from 'ava';
import { fieldValue } from './raw-message.ts';
import { answerText, type RawUpstream, startRawUpstream, type UpstreamExchange } from './raw-upstream.ts';

/** One request as a vendor sees it. */
export interface VendorCall extends UpstreamExchange {
  /** What it was asked with; `undefined` where it came without any credential. */
  readonly key: string | undefined;
  /** The body as text, when it has come. */
  text(): Promise<string>;
}

/** How a vendor answers the calls that are made with one key. */
export type Treatment = (call: VendorCall, vendor: PoolVendor) => unknown;

/** A vendor that treats each of its keys in its own way, and remembers who asked what. */
export interface PoolVendor {
  readonly upstream: RawUpstream;
  readonly url: string;
  /** Makes a key. @param start tells its provider */
  key(treatment: Treatment, start?: string): string;
  /** Treats a key in another way from now on. */
  treat(key: string, treatment: Treatment): void;
  /** Calls so far, those with one key or all, in the order of their heads. */
  calls(key?: string): readonly VendorCall[];
  /** Calls with a credential that this vendor never gave out, or without any. */
  readonly strangers: readonly VendorCall[];
  /** Resolves with the first call with this key, or the next after as many as `known`. */
  call(key: string, known?: number): Promise<VendorCall>;
  /** Every key that was made. */
  readonly keys: readonly string[];
  /** Ids of stored objects → the key that made them. */
  readonly objects: Map<string, string>;
}

const CREDENTIALS = ['authorization', 'x-api-key', 'api-key', 'x-goog-api-key'] as const;

/** Every credential in the fields of a request. */
export function credentialsIn({ head }: UpstreamExchange): string[] {
  return CREDENTIALS.flatMap(name => fieldValue(head.fields, name) ?? []).map(value =>
    value.replace(/^Bearer /, ''),
  );
}

export async function startPoolVendor(t: ExecutionContext): Promise<PoolVendor> {
  const treatments = new Map<string, Treatment>();
  const calls: VendorCall[] = [];
  const strangers: VendorCall[] = [];
  let waiting: { key: string; known: number; resolve: (call: VendorCall) => void }[] = [];

  const upstream = await startRawUpstream(async exchange => {
    const [key] = credentialsIn(exchange);
    const treatment = key === undefined ? undefined : treatments.get(key);
    const call: VendorCall = {
      ...exchange,
      key,
      text: async () => (await exchange.body()).data.toString(),
    };
    (treatment === undefined ? strangers : calls).push(call);
    waiting = waiting.filter(({ key: wanted, known, resolve }) => {
      const found = vendor.calls(wanted)[known];
      if (found !== undefined) resolve(found);
      return found === undefined;
    });
    await (treatment ?? refused())(call, vendor);
  });
  t.teardown(upstream.close);

  const vendor: PoolVendor = {
    upstream,
    url: upstream.url,
    key: (treatment, start = 'sk-pool-') => {
      const key = `${start}${randomBytes(12).toString('hex')}`;
      treatments.set(key, treatment);
      return key;
    },
    treat: (key, treatment) => void treatments.set(key, treatment),
    calls: key => (key === undefined ? calls : calls.filter(call => call.key === key)),
    strangers,
    call: (key, known = 0) =>
      new Promise(resolve => {
        const found = vendor.calls(key)[known];
        if (found === undefined) waiting.push({ key, known, resolve });
        else resolve(found);
      }),
    get keys() {
      return [...treatments.keys()];
    },
    objects: new Map(),
  };
  return vendor;
}

/** Answers JSON. @param fields lines of further fields */
export function json(body: unknown, fields: readonly string[] = [], statusLine?: string): Treatment {
  return async call => {
    await call.body();
    call.send(
      answerText(latin1(JSON.stringify(body)), ['Content-Type: application/json', ...fields], statusLine),
    );
  };
}

export const EVENTS_HEAD =
  'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n';
export const LAST_CHUNK = '0\r\n\r\n';

/** A chunk of an event stream that holds one event. */
export function event(data: unknown, name?: string): string {
  const text = typeof data === 'string' ? data : JSON.stringify(data);
  const bytes = latin1(`${name === undefined ? '' : `event: ${name}\n`}data: ${text}\n\n`);
  return `${bytes.length.toString(16)}\r\n${bytes}\r\n`;
}

/** Answers an event stream. @param data of each event */
export function events(data: readonly unknown[]): Treatment {
  return async call => {
    await call.body();
    call.send(EVENTS_HEAD + data.map(one => event(one)).join('') + LAST_CHUNK);
  };
}

export const USAGE = { prompt_tokens: 11, completion_tokens: 7, total_tokens: 18 };

function chatAnswer(model: unknown, usage: unknown = USAGE) {
  const message = { role: 'assistant', content: 'ok' };
  return {
    id: 'chatcmpl-1',
    object: 'chat.completion',
    created: 1,
    model,
    choices: [{ index: 0, message, finish_reason: 'stop' }],
    ...(usage !== undefined && { usage }),
  };
}

/** One event of a streamed chat. */
export function chatChunk(delta: unknown, further: object = {}) {
  return {
    id: 'chatcmpl-1',
    object: 'chat.completion.chunk',
    created: 1,
    model: 'gpt-4o',
    choices: [{ index: 0, delta, finish_reason: null }],
    ...further,
  };
}

export const CHAT_EVENTS = [
  chatChunk({ role: 'assistant', content: '' }),
  chatChunk({ content: 'o' }),
  chatChunk({ content: 'k' }),
  chatChunk({}, { choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] }),
  chatChunk({}, { choices: [], usage: USAGE }),
  '[DONE]',
];

const MESSAGE = {
  id: 'msg_1',
  type: 'message',
  role: 'assistant',
  model: 'claude-sonnet-4-5',
  content: [{ type: 'text', text: 'ok' }],
  stop_reason: 'end_turn',
  usage: { input_tokens: 11, output_tokens: 7, cache_read_input_tokens: 3, cache_creation_input_tokens: 0 },
};

let objects = 0;

/** A good key: every endpoint answers; a stored object is known to the key that made it, and to no other. */
export const good: Treatment = async (call, vendor) => {
  const path = call.target.split('?')[0]!;
  const text = await call.text();
  const body = text.startsWith('{') ? JSON.parse(text) : {};
  const made = /\/(files|batches|responses)$/.exec(path)?.[1];
  const wanted = [
    /\/(?:files|batches|responses)\/([^/]+)/.exec(path)?.[1],
    body.previous_response_id,
    body.input_file_id,
  ];
  for (const id of wanted) {
    if (id !== undefined && vendor.objects.get(id) !== call.key) {
      return json(
        { error: { message: `No such object: ${id}`, type: 'invalid_request_error' } },
        [],
        '404 Not Found',
      )(call, vendor);
    }
  }
  if (made !== undefined && call.method === 'POST') {
    objects += 1;
    const id = `${{ files: 'file', batches: 'batch', responses: 'resp' }[made]}_${objects}abc`;
    vendor.objects.set(id, call.key!);
    const produced = made === 'batches' ? `file_out${objects}` : undefined;
    if (produced !== undefined) vendor.objects.set(produced, call.key!);
    return json({
      id,
      object: made,
      status: 'completed',
      output: [],
      usage: { input_tokens: 5, output_tokens: 2, total_tokens: 7 },
      output_file_id: produced,
    })(call, vendor);
  }
  const isBatch = /\/batches\/[^/]+$/.test(path);
  if (wanted[0] !== undefined) {
    return json({
      id: wanted[0],
      object: 'any',
      ...(isBatch && { output_file_id: `file_out${/\d+/.exec(wanted[0])}` }),
    })(call, vendor);
  }
  if (path.endsWith('/models'))
    return json({
      object: 'list',
      data: [{ id: 'gpt-4o', object: 'model', created: 1, owned_by: 'vendor' }],
    })(call, vendor);
  if (path.endsWith('/messages')) return json(MESSAGE)(call, vendor);
  if (path.endsWith('/embeddings')) {
    return json({
      object: 'list',
      data: [{ object: 'embedding', index: 0, embedding: [0.5] }],
      model: body.model,
      usage: { prompt_tokens: 4, total_tokens: 4 },
    })(call, vendor);
  }
  return body.stream === true
    ? events(CHAT_EVENTS)(call, vendor)
    : json(chatAnswer(body.model))(call, vendor);
};

/** A good answer that says nothing of tokens. */
export const goodWithoutUsage: Treatment = async (call, vendor) => {
  const { model } = JSON.parse(await call.text());
  const { usage: _, ...answer } = chatAnswer(model);
  return json(answer)(call, vendor);
};

/** 401 of OpenAI, with the whole key in its words, as some vendors have it. */
export function refused(): Treatment {
  return (call, vendor) =>
    json(
      openAiError(`Incorrect API key provided: ${call.key}.`, {
        type: 'invalid_request_error',
        code: 'invalid_api_key',
      }),
      [],
      '401 Unauthorized',
    )(call, vendor);
}

/** 403 of Google, which names the key. */
export function suspended(): Treatment {
  return (call, vendor) => {
    const details = [{ '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason: 'CONSUMER_SUSPENDED' }];
    const message = `Permission denied: Consumer 'api_key:${call.key}' has been suspended.`;
    return json(
      { error: { code: 403, message, status: 'PERMISSION_DENIED', details } },
      [],
      '403 Forbidden',
    )(call, vendor);
  };
}

/** 402 of OpenRouter. */
export function unpaid(): Treatment {
  return json({ error: { message: 'Insufficient credits', code: 402 } }, [], '402 Payment Required');
}

/** 429 of OpenAI for an account without money. */
export function outOfQuota(): Treatment {
  const error = openAiError('You exceeded your current quota, please check your plan and billing details.', {
    type: 'insufficient_quota',
    code: 'insufficient_quota',
  });
  return json(error, [], '429 Too Many Requests');
}

/** 429 of a limit that passes. @param fields that say when */
export function limited(...fields: readonly string[]): Treatment {
  const error = openAiError('Rate limit reached for gpt-4o', {
    type: 'requests',
    code: 'rate_limit_exceeded',
  });
  return json(error, fields, '429 Too Many Requests');
}

/** 429 of Gemini's compatible endpoint, an array, with the wait in its body. @param retryDelay `34s` */
export function limitedByGemini(retryDelay: string): Treatment {
  const details = [{ '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay }];
  const message = 'You exceeded your current quota, please check your plan and billing details.';
  return json(
    [{ error: { code: 429, message, status: 'RESOURCE_EXHAUSTED', details } }],
    [],
    '429 Too Many Requests',
  );
}

/** 400 of Gemini for a key that is none. */
export function unknownToGemini(): Treatment {
  const details = [
    {
      '@type': 'type.googleapis.com/google.rpc.ErrorInfo',
      reason: 'API_KEY_INVALID',
      domain: 'googleapis.com',
    },
  ];
  const message = 'API key not valid. Please pass a valid API key.';
  return json(
    [{ error: { code: 400, message, status: 'INVALID_ARGUMENT', details } }],
    [],
    '400 Bad Request',
  );
}

/** 400 of xAI for a wrong key. */
export function unknownToXai(): Treatment {
  return (call, vendor) =>
    json(
      { code: 'Client specified an invalid argument', error: `Incorrect API key provided: ${call.key}.` },
      [],
      '400 Bad Request',
    )(call, vendor);
}

/** 400 of Anthropic for an empty balance. */
export function withoutCredit(): Treatment {
  const message = 'Your credit balance is too low to access the Anthropic API.';
  return json({ type: 'error', error: { type: 'invalid_request_error', message } }, [], '400 Bad Request');
}

/** An upstream that fails. @param statusLine `500 Internal Server Error`, `529 Overloaded` */
export function failing(statusLine: string): Treatment {
  return json(openAiError('The server had an error', { type: 'server_error', code: null }), [], statusLine);
}

/** 500 with a body of 1 MB. */
export const HUGE_ERROR = `{"error":{"message":"${'x'.repeat(1024 * 1024)}","type":"server_error"}}`;

/** @param statusLine of the answer with `HUGE_ERROR` */
export function huge(statusLine: string): Treatment {
  return async call => {
    await call.body();
    call.send(answerText(HUGE_ERROR, ['Content-Type: application/json'], statusLine));
  };
}

/** Resets the connection in place of an answer. */
export const reset: Treatment = async call => {
  await call.body();
  call.socket.resetAndDestroy();
};

/** Never answers. */
export const silent: Treatment = async call => {
  await call.body();
  await call.gone;
};

/** An event stream whose first event is an error. */
export function failingStream(error: unknown): Treatment {
  return events([{ error }]);
}

/** 200 with a page, as a captive portal or a wrong base URL gives. */
export const page: Treatment = async call => {
  await call.body();
  call.send(answerText('<html>It works!</html>', ['Content-Type: text/html']));
};

export function openAiError(message: string, words: { type: string; code: string | null }) {
  return { error: { message, param: null, ...words } };
}

function latin1(text: string): string {
  return Buffer.from(text).toString('latin1');
}
