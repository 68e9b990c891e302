import { AppError } from '../base/errors.ts';
import { modelInPath, readRequestFacts } from '../openai/request-model.ts';
import { providersFor, type Route } from '../openai/routing.ts';
import { objectIdOf } from '../openai/stored-objects.ts';
import { bodyAtHand, bodyFraming } from './forward.ts';
import type { Passage } from './passage.ts';
import type { PooledContext } from './pooled-context.ts';
import { collectBody } from './request-body.ts';

/** What a `/v1` request needs, known before a key is taken. */
export interface Plan {
  /** As the client named it; `undefined` where it named none. */
  readonly model: string | undefined;
  readonly route: Route;
  /** The body, where it is kept; `undefined` where it is streamed once. */
  readonly wholeBody: Buffer | undefined;
  readonly body: 'none' | 'length' | 'chunked';
  /** The key that made the stored object which the request is about. */
  readonly onlyKeyId: string | undefined;
}

const NO_BODY = Buffer.alloc(0);
const AT_HAND_BYTES = 64 * 1024;
const NO_FACTS = { model: undefined, references: [] as readonly string[] };

/**
 * Reads the body and decides who can serve.
 *
 * @throws AppError `ERR_BODY_TOO_LARGE`, `ERR_CLIENT_CLOSED`
 */
export async function plan(passage: Passage, context: PooledContext): Promise<Plan> {
  const { request, path, special } = passage;
  const framing = bodyFraming(request);
  const contentType = request.headers['content-type'];
  const upload = framing !== 'none' && /^multipart\//i.test(contentType ?? '');
  const announced = Number(request.headers['content-length'] ?? 0);
  // Whoever asks whether to send a body that is too large is told no (RFC 9110 §10.1.1).
  if (
    special?.expectContinue === true &&
    announced <= (upload ? context.maxUploadBytes : context.maxBodyBytes)
  ) {
    passage.response.writeContinue();
  }
  let wholeBody: Buffer | undefined = NO_BODY;
  if (upload) {
    wholeBody = undefined;
    if (announced > context.maxUploadBytes) {
      throw new AppError(
        'ERR_BODY_TOO_LARGE',
        `Expected the upload to be at most ${context.maxUploadBytes} bytes`,
      );
    }
    passage.bodyLimitBytes = context.maxUploadBytes;
  } else if (framing !== 'none') {
    // Nearly every body came with its head, or right behind it.
    wholeBody =
      (framing === 'length' && announced <= Math.min(AT_HAND_BYTES, context.maxBodyBytes)
        ? await bodyAtHand(request)
        : undefined) ?? (await collectBody(request, context.maxBodyBytes));
    passage.bytesIn = wholeBody.length;
  }
  const plainBody = request.headers['content-encoding'] === undefined ? wholeBody : undefined;
  const facts =
    plainBody === undefined || plainBody.length === 0 ? NO_FACTS : readRequestFacts(plainBody, contentType);
  const model = facts.model ?? modelInPath(path);
  const anthropic = request.headers['anthropic-version'] !== undefined;
  const id = objectIdOf(path);
  return {
    model,
    route: providersFor({ path, model, anthropic }),
    wholeBody,
    // What was read whole goes on with a length, however it came.
    body: framing === 'none' ? 'none' : upload ? framing : 'length',
    onlyKeyId:
      id === undefined && facts.references.length === 0
        ? undefined
        : await ownerOf([id, ...facts.references], context),
  };
}

async function ownerOf(
  ids: readonly (string | undefined)[],
  context: PooledContext,
): Promise<string | undefined> {
  for (const id of ids) {
    if (id === undefined) continue;
    const keyId = await context.owners.find(id);
    if (keyId !== undefined && context.pool.get(keyId) !== undefined) return keyId;
  }
  return undefined;
}
