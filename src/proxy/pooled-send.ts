import { type Lease, upstreamOf, type Verdict } from '../domain/pool/types.ts';
import { judge } from '../domain/pool/verdict.ts';
import { CLIENT_CREDENTIAL_FIELDS, upstreamRequestFor, withoutKeyProtocol } from '../openai/providers.ts';
import { createdObjectId, createsObject, objectIdOf, producedObjectIds } from '../openai/stored-objects.ts';
import type { WireRequest } from '../wire/types.ts';
import { clientOf, mayRepeat } from './forward.ts';
import { requestFields, withheldFields } from './head.ts';
import type { Passage, Usage } from './passage.ts';
import { type Judged, PooledAttempt, type PooledOutcome } from './pooled-attempt.ts';
import type { PooledContext } from './pooled-context.ts';
import type { Plan } from './pooled-plan.ts';

/** The answer must come as it is, so that errors and usage can be read. */
const PLAIN_ANSWER = ['Accept-Encoding', 'identity'] as const;
const UPLOAD_NAMES = [...CLIENT_CREDENTIAL_FIELDS, 'accept-encoding', 'sec-websocket-protocol'];
const WITHHELD_UPLOAD = withheldFields(UPLOAD_NAMES);
const WITHHELD = withheldFields([...UPLOAD_NAMES, 'content-length']);

/** One try; gives the key back exactly once. */
export async function attemptWith(
  lease: Lease,
  passage: Passage,
  context: PooledContext,
  { planned, isClients }: { planned: Plan; isClients: (verdict: Verdict) => boolean },
): Promise<{ outcome: PooledOutcome; usage: Usage | undefined }> {
  const use = { upstream: upstreamOf(lease.key), keyId: lease.key.id };
  let verdict: Verdict | undefined;
  let reported = false;
  if (!context.circuits.admit(use, context.nowMs())) {
    // Another request is probing a circuit that is half open: this one looks elsewhere.
    context.pool.abandon(lease);
    return { outcome: { kind: 'again', verdict: CIRCUIT_OPEN, failure: undefined }, usage: undefined };
  }
  try {
    let result = await send(lease, passage, context, { planned, isClients, fresh: false });
    if (mayRepeatFresh(result.outcome, passage, context, planned)) {
      result = await send(lease, passage, context, { planned, isClients, fresh: true });
    }
    if (result.outcome.kind === 'again' || result.outcome.kind === 'relayed')
      verdict = result.outcome.verdict;
    if (result.outcome.kind === 'broken') {
      verdict = { key: { kind: 'none' }, upstream: 'strike', then: 'relay' };
    }
    context.circuits.report(use, verdict?.upstream ?? 'none', context.nowMs());
    reported = true;
    return result;
  } finally {
    if (!reported) context.circuits.report(use, 'none', context.nowMs());
    if (verdict === undefined) context.pool.abandon(lease);
    else context.pool.release(lease, verdict, context.nowMs());
  }
}

/**
 * A kept connection was closed by the other side meanwhile: that says nothing of the upstream, and a new one may do. With
 * retries switched off only what is safe to repeat is (RFC 9110 §9.2.2).
 */
function mayRepeatFresh(
  outcome: PooledOutcome,
  { request, response }: Passage,
  context: PooledContext,
  { wholeBody }: Plan,
): boolean {
  if (outcome.kind !== 'again' || outcome.failure === undefined || response.closed) return false;
  const asked = { method: request.method!, headers: request.rawHeaders };
  return mayRepeat(asked, outcome.failure, {
    isWhole: wholeBody !== undefined,
    isForced: context.pool.config.retry.enabled,
  });
}

const CIRCUIT_OPEN: Verdict = { key: { kind: 'none' }, upstream: 'none', then: 'retry' };

function send(
  lease: Lease,
  passage: Passage,
  context: PooledContext,
  { planned, isClients, fresh }: { planned: Plan; isClients: (verdict: Verdict) => boolean; fresh: boolean },
): Promise<{ outcome: PooledOutcome; usage: Usage | undefined }> {
  const { key } = lease;
  const { autoBan } = context.pool.config;
  const policy = { autoBan: autoBan.enabled, ban401: autoBan.ban_401, ban402: autoBan.ban_402 };
  const { request, response, path } = passage;
  const asked = upstreamRequestFor({
    provider: key.provider,
    baseUrl: key.baseUrl ?? context.baseUrlOf(key.provider),
    path,
    secret: key.secret.reveal(),
  });
  const wire = wireRequest(passage, planned, asked);
  return new Promise(resolve => {
    const attempt = new PooledAttempt(passage, {
      timeouts: context.timeouts,
      isClients,
      judge: (judged: Judged) =>
        judge(
          {
            status: judged.status,
            headers: judged.headers,
            bodyError: judged.bodyError,
            ...(judged.failure === undefined ? {} : { transport: judged.failure.code }),
            provider: key.provider,
            model: lease.model,
            nowMs: context.nowMs(),
          },
          policy,
        ),
      redact: body => (key.source === 'client' ? body : withoutKey(body, key.secret.reveal())),
      watchObjects: key.source === 'client' ? undefined : objectWatch(request.method!, path, context, key.id),
      settle: (outcome, usage) => {
        response.off('close', closed);
        resolve({ outcome, usage });
      },
    });
    const closed = () => attempt.onResponseClosed();
    response.on('close', closed);
    const { wholeBody } = planned;
    attempt.carry(context.upstreams.at(asked.target).send(wire, attempt, { wholeBody, fresh }));
  });
}

/** Shorter ones may stand in a text by chance. */
const SHORTEST_REDACTED = 8;

/** Some vendors repeat the key that they refuse. */
function withoutKey(body: Buffer, key: string): Buffer {
  if (key.length < SHORTEST_REDACTED || !body.includes(key)) return body;
  return Buffer.from(body.toString('latin1').replaceAll(key, '*'.repeat(key.length)), 'latin1');
}

/** Looks out for stored objects that an answer tells of: later requests for them must go to the same key. */
function objectWatch(
  method: string,
  path: string,
  context: PooledContext,
  keyId: string,
): ((bodyHead: string) => boolean) | undefined {
  if (createsObject(method, path)) {
    return bodyHead => {
      const id = createdObjectId(method, path, bodyHead);
      if (id !== undefined) context.owners.remember(id, keyId);
      return id !== undefined;
    };
  }
  if (method !== 'GET' || objectIdOf(path) === undefined) return undefined;
  return bodyHead => {
    const ids = producedObjectIds(path, bodyHead);
    for (const id of ids) context.owners.remember(id, keyId);
    return ids.length > 0;
  };
}

/** The request as it goes on: the client's fields without its credentials, with the key's. */
function wireRequest(
  passage: Passage,
  planned: Plan,
  asked: ReturnType<typeof upstreamRequestFor>,
): WireRequest {
  const { request, context, special } = passage;
  const { wholeBody, body } = planned;
  const upgrade = special?.upgrade?.protocol;
  const added = [...asked.credentialFields, ...PLAIN_ANSWER];
  const protocols = request.headers['sec-websocket-protocol'];
  if (protocols !== undefined) {
    const kept = withoutKeyProtocol(protocols);
    if (kept !== '') added.push('Sec-WebSocket-Protocol', kept);
  }
  if (body === 'length' && wholeBody !== undefined) added.push('Content-Length', String(wholeBody.length));
  for (let index = 0; index < asked.defaultFields.length; index += 2) {
    const name = asked.defaultFields[index]!;
    if (request.headers[name.toLowerCase()] === undefined) added.push(name, asked.defaultFields[index + 1]!);
  }
  return {
    method: request.method!,
    path: asked.path,
    headers: requestFields(request.rawHeaders, {
      authority: asked.target.authority,
      via: context.via,
      forwarded: context.forwarded,
      client: context.forwarded === 'append' ? clientOf(passage) : undefined,
      body,
      upgrade,
      expectContinue: false,
      withheld: wholeBody === undefined ? WITHHELD_UPLOAD : WITHHELD,
      added,
    }),
    body,
    upgrade: upgrade !== undefined,
    expectContinue: false,
  };
}
