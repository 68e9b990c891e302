import { setImmediate as nextTurn } from 'node:timers/promises';
import { AppError } from '../base/errors.ts';
import { parseKeyText, withoutKey } from '../domain/pool/key-text.ts';
import { addKeys, type LineDraft, type LineProblem } from '../domain/transfer/add-keys.ts';
import { type KeyLine, keyLines } from '../domain/transfer/key-lines.ts';
import { DEFAULT_POOL } from '../stores/pool-types.ts';
import { parseBaseUrl, parseNotes, parsePoolGroup, parseProvider, parseStatus } from './key-input.ts';
import { KeyList } from './key-list.ts';
import { newestPool, type PoolApi } from './pool-api.ts';
import { type Answer, allowOnly, type Route, type RouteRequest } from './route.ts';

/** Room for 100,000 keys of 300 characters. */
const BATCH_LIMIT_BYTES = 32 * 1024 * 1024;
const MOST_KEYS = 100_000;
const MOST_PROBLEMS = 1000;
const OPENED_AT_ONCE = 500;

/** Many keys in and out. */
export function keyBatchRoutes(api: PoolApi): Route[] {
  const list = new KeyList(api);

  async function addMany(request: RouteRequest): Promise<Answer> {
    const body = await request.readObject(BATCH_LIMIT_BYTES);
    allowOnly(body, ['keys', 'notes', 'poolGroup', 'provider', 'baseUrl']);
    await newestPool(api);
    await api.encryption.verify();
    const lines = linesOf(body.get('keys'));
    const { drafts, problems } = draftsOf(lines, body, request.nowMs);
    let done = 0;
    try {
      const { taken, duplicates } = await addKeys(drafts, {
        store: api.stores.keys,
        sealer: api.encryption.sealer,
        onProgress: count => {
          done = count;
        },
      });
      const refused = [...problems, ...duplicates].sort((left, right) => left.line - right.line);
      api.log.info({ taken, refused: refused.length, by: request.credentials.clientAddress }, 'keys added');
      return {
        status: 200,
        json: {
          taken,
          refused: refused.length,
          problems: refused.slice(0, MOST_PROBLEMS),
          problemsLeftOut: Math.max(0, refused.length - MOST_PROBLEMS),
        },
      };
    } catch (error) {
      if (!(error instanceof AppError) || done === 0) throw error;
      throw new AppError(error.code, `The first ${done} keys were taken, then the store went away`, {
        cause: error,
      });
    } finally {
      await api.live.refresh();
    }
  }

  function draftsOf(
    lines: readonly KeyLine[],
    body: ReadonlyMap<string, unknown>,
    nowMs: number,
  ): { drafts: LineDraft[]; problems: LineProblem[] } {
    const provider = parseProvider(body.get('provider'));
    const notes = parseNotes(body.get('notes'));
    const pool = parsePoolGroup(body.get('poolGroup') ?? DEFAULT_POOL, api);
    const baseUrl = parseBaseUrl(body.get('baseUrl'), provider ?? 'openai', api);
    const drafts: LineDraft[] = [];
    const problems: LineProblem[] = [];
    for (const { line, text: written } of lines) {
      try {
        const text = parseKeyText(written);
        const draft: LineDraft['draft'] = {
          text,
          provider: provider ?? api.providers.detect(text),
          pool,
          notes: withoutKey(notes, text),
          status: 'active',
          statusReason: '',
          statusAtMs: nowMs,
          createdAtMs: nowMs,
          ...(baseUrl !== undefined && { baseUrl }),
        };
        drafts.push({ line, draft });
      } catch (error) {
        if (!(error instanceof AppError)) throw error;
        problems.push({ line, code: 'ERR_VALIDATION', message: error.message });
      }
    }
    return { drafts, problems };
  }

  /** `undefined` where it does not open: one damaged record must not keep all the others in. */
  function openedKey(id: string, sealed: string): string | undefined {
    try {
      return api.encryption.sealer.open(id, sealed);
    } catch (error) {
      if (error instanceof AppError) return undefined;
      throw error;
    }
  }

  async function exportAll(request: RouteRequest): Promise<Answer> {
    const status = parseStatus(request.query.get('status') || undefined);
    await newestPool(api);
    const any = { status, pool: undefined, provider: undefined, search: '' };
    const records = (await list.matching(any, request.nowMs)).reverse();
    const texts: string[] = [];
    for (const [index, { id, sealed }] of records.entries()) {
      if (index % OPENED_AT_ONCE === 0) await nextTurn();
      const text = openedKey(id, sealed);
      if (text !== undefined) texts.push(text);
    }
    const by = request.credentials.clientAddress;
    // The one place where clear keys leave: whoever reads the log must be able to see it.
    api.log.warn({ count: texts.length, status: status ?? 'all', by }, 'clear keys exported');
    return {
      status: 200,
      text: texts.map(text => `${text}\n`).join(''),
      type: 'text/plain; charset=utf-8',
      headers: {
        'content-disposition': 'attachment; filename="switchyard-keys.txt"',
        'x-left-out': String(records.length - texts.length),
      },
    };
  }

  return [
    {
      method: 'POST',
      path: '/admin/keys/batch',
      audience: 'admin',
      summary: 'Add many keys',
      handle: addMany,
    },
    {
      method: 'GET',
      path: '/admin/keys/export',
      audience: 'admin',
      summary: 'The clear keys, one a line',
      discloses: true,
      handle: exportAll,
    },
  ];
}

/** @throws AppError `ERR_VALIDATION` (field `keys`) */
function linesOf(value: unknown): KeyLine[] {
  const lines =
    typeof value === 'string'
      ? [...keyLines(value)]
      : Array.isArray(value)
        ? value.map((text, index) => ({ line: index + 1, text }))
        : undefined;
  if (lines === undefined || lines.length === 0) {
    throw new AppError('ERR_VALIDATION', 'Expected `keys` to be a list of keys, or a text with one a line', {
      field: 'keys',
    });
  }
  if (lines.length > MOST_KEYS) {
    throw new AppError(
      'ERR_VALIDATION',
      `Expected at most ${MOST_KEYS} keys at once, got ${lines.length}; send them in parts`,
      { field: 'keys' },
    );
  }
  return lines;
}
