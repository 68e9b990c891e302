import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ExecutionContext } from 'ava';
import { Upstreams } from '../../../src/proxy/upstreams.ts';
import { createPostForm, type PostForm } from '../../../src/server/sources/post-form.ts';
import { createAddressGuard } from '../../../src/wire/address-guard.ts';
import { createDial } from '../../../src/wire/dial.ts';

/** What the endpoint does with a request. */
export type Behaviour =
  /** Trades the refresh token that is good now, and replaces it. */
  | 'rotate'
  /** Trades it and leaves it as it is. */
  | 'keep'
  /** Replaces it, and cuts the connection before the answer. */
  | 'lose-answer'
  | { readonly status: number; readonly headers?: Record<string, string>; readonly body?: string };

/** A token endpoint over a real socket that takes each refresh token once, as strict ones do. */
export class TokenEndpoint {
  behaviour: Behaviour = 'rotate';
  /** What a grant says beside its tokens. */
  extra: Record<string, unknown> = { expires_in: 28_800 };
  /** Forms as they came. */
  readonly forms: URLSearchParams[] = [];
  readonly contentTypes: (string | undefined)[] = [];
  /** While it is set, requests wait for it before they are answered. */
  gate: Promise<void> | undefined;
  #good: string;
  #grants = 0;
  #arrivals: (() => void)[] = [];
  url = '';
  close: () => Promise<void> = async () => {};

  constructor(refreshToken: string) {
    this.#good = refreshToken;
  }

  static async start(t: ExecutionContext, refreshToken: string): Promise<TokenEndpoint> {
    const endpoint = new TokenEndpoint(refreshToken);
    const server = createServer((request, response) => void endpoint.#answer(request, response));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    endpoint.close = async () => {
      server.close();
      server.closeAllConnections();
      if (server.listening) await once(server, 'close');
    };
    t.teardown(() => endpoint.close());
    endpoint.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/authenticate`;
    return endpoint;
  }

  get requests(): number {
    return this.forms.length;
  }

  /** The refresh token that the next trade must show. */
  get good(): string {
    return this.#good;
  }

  /** Every token that was ever given out. */
  get secrets(): string[] {
    return Array.from({ length: this.#grants }, (_, index) => tokensOf(index + 1)).flat();
  }

  /** Resolves when the next request has come. */
  arrival(): Promise<void> {
    return new Promise(resolve => this.#arrivals.push(resolve));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const pieces: Buffer[] = [];
    for await (const piece of request) pieces.push(piece);
    const form = new URLSearchParams(Buffer.concat(pieces).toString());
    this.forms.push(form);
    this.contentTypes.push(request.headers['content-type']);
    for (const arrived of this.#arrivals.splice(0)) arrived();
    await this.gate;
    const { behaviour } = this;
    if (typeof behaviour === 'object') {
      response.writeHead(behaviour.status, behaviour.headers).end(behaviour.body ?? '');
      return;
    }
    if (form.get('refresh_token') !== this.#good) {
      const error = {
        error: 'invalid_grant',
        error_description: `no such token: ${form.get('refresh_token')}`,
      };
      response.writeHead(400, { 'content-type': 'application/json' }).end(JSON.stringify(error));
      return;
    }
    this.#grants += 1;
    const [access_token, refresh_token] = tokensOf(this.#grants);
    if (behaviour !== 'keep') this.#good = refresh_token;
    if (behaviour === 'lose-answer') {
      request.socket.destroy();
      return;
    }
    const grant = { access_token, ...(behaviour === 'keep' ? {} : { refresh_token }), ...this.extra };
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(grant));
  }
}

/** Asks token endpoints as the program does, without an outbound proxy. */
export function openPost(t: ExecutionContext): PostForm {
  const guard = createAddressGuard({ allowPrivate: true });
  const dial = createDial({ connectTimeoutMs: 10_000, guard, noProxy: '' });
  const upstreams = new Upstreams({ dial, extraCa: new Map(), insecure: new Set(), http2: false });
  t.teardown(() => upstreams.close());
  return createPostForm(upstreams);
}

function tokensOf(grant: number): readonly [access: string, refresh: string] {
  return [`access-token-number-${grant}-of-the-endpoint`, `refresh-token-number-${grant}-of-the-endpoint`];
}

/** The access token of the nth grant, from 1. */
export function accessToken(grant: number): string {
  return tokensOf(grant)[0];
}

export function refreshToken(grant: number): string {
  return tokensOf(grant)[1];
}
