import { AppError } from '../../base/errors.ts';
import type { EarlierUse, KeyTest, ProviderName, StoredStatus } from '../../stores/pool-types.ts';
import { parseKeyText, withoutKey } from '../pool/key-text.ts';
import type { LineDraft, LineProblem } from './add-keys.ts';
import { ForeignGroups } from './foreign-groups.ts';
import type { ForeignPool } from './foreign-pool.ts';
import { foreignSettings } from './foreign-settings.ts';
import { Remarks } from './remarks.ts';

export interface ForeignOptions {
  readonly nowMs: number;
  readonly detectProvider: (key: string) => ProviderName;
}

type Fields = Readonly<Record<string, unknown>>;

const FILE_FIELDS = ['poolGroups', 'keys', 'stats', 'config'];
const KEY_FIELDS = [
  'id',
  'key',
  'provider',
  'poolGroup',
  'status',
  'notes',
  'created_at',
  'last_used_at',
  'last_used',
  'usage_count',
  'error_count',
  'success_count',
  'total_requests',
  'success_requests',
  'success_rate',
  'weight_score',
  'last_error',
  'last_test_at',
  'last_test_result',
  'banned_at',
  'banned_reason',
];
const LONGEST_NOTES = 2000;
const LONGEST_REASON = 200;

/**
 * Reads a pool file of droid2api: `{poolGroups, keys, stats, config}`, or its list of keys alone; a key may be a text too.
 * What is not understood is remarked upon and left out, and never costs another key.
 *
 * @param file parsed JSON
 * @throws AppError `ERR_VALIDATION` where it is no such file at all
 */
export function readDroid2api(file: unknown, options: ForeignOptions): ForeignPool {
  const fields: Fields = Array.isArray(file) ? { keys: file } : isFields(file) ? file : {};
  if (!Array.isArray(fields.keys)) {
    throw new AppError('ERR_VALIDATION', 'Expected a pool file with a list `keys`, got something else', {
      field: 'keys',
    });
  }
  const remarks = new Remarks();
  remarks.unknownFields('', fields, FILE_FIELDS);
  const groups = new ForeignGroups(fields.poolGroups, remarks);
  const drafts: LineDraft[] = [];
  const refused: LineProblem[] = [];
  for (const [index, item] of fields.keys.entries()) {
    const line = index + 1;
    try {
      drafts.push({ line, draft: readKey(item, { ...options, remarks, groups }) });
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      refused.push({ line, code: 'ERR_VALIDATION', message: error.message });
    }
  }
  return {
    groups: groups.used(),
    drafts,
    refused,
    settings: foreignSettings(fields.config, remarks),
    remarks: remarks.lines(),
  };
}

function readKey(
  item: unknown,
  context: ForeignOptions & { remarks: Remarks; groups: ForeignGroups },
): LineDraft['draft'] {
  const { remarks, nowMs } = context;
  const fields: Fields = typeof item === 'string' ? { key: item } : isFields(item) ? item : {};
  const text = parseKeyText(fields.key);
  remarks.unknownFields('keys[].', fields, KEY_FIELDS);
  const status = statusOf(fields.status, remarks);
  const createdAtMs = timeOf(fields.created_at) ?? nowMs;
  const lastTest = testOf(fields, createdAtMs);
  const earlier = earlierUseOf(fields);
  return {
    text,
    provider: providerOf(fields.provider, text, context),
    pool: context.groups.idOf(fields.poolGroup),
    notes: shown(fields.notes, text).slice(0, LONGEST_NOTES),
    status,
    statusReason: reasonOf(status, fields, text),
    statusAtMs: (status === 'banned' ? timeOf(fields.banned_at) : undefined) ?? createdAtMs,
    createdAtMs,
    ...(lastTest !== undefined && { lastTest }),
    ...(earlier !== undefined && { earlier }),
  };
}

/** `usage_count` and `error_count`; files of some versions have `total_requests` and `success_requests` in their place. */
function earlierUseOf(fields: Fields): EarlierUse | undefined {
  const total = countOf(fields.total_requests) ?? 0;
  const good = countOf(fields.success_requests) ?? countOf(fields.success_count);
  const requests = countOf(fields.usage_count) ?? total;
  const failures = countOf(fields.error_count) ?? (good === undefined ? 0 : Math.max(0, total - good));
  const lastUsedMs = lastUseOf(fields);
  if (requests === 0 && failures === 0 && lastUsedMs === undefined) return undefined;
  return { requests, failures, ...(lastUsedMs !== undefined && { lastUsedMs }) };
}

function countOf(value: unknown): number | undefined {
  return Number.isSafeInteger(value) && Number(value) >= 0 ? Number(value) : undefined;
}

function lastUseOf(fields: Fields): number | undefined {
  return timeOf(fields.last_used_at) ?? timeOf(fields.last_used);
}

function statusOf(value: unknown, remarks: Remarks): StoredStatus {
  if (value === 'active' || value === 'disabled' || value === 'banned') return value;
  if (value === undefined || value === null) return 'active';
  remarks.add('a status that is not known is taken as `disabled`');
  return 'disabled';
}

const PROVIDERS: ReadonlyMap<string, ProviderName> = new Map([
  ['openai', 'openai'],
  ['anthropic', 'anthropic'],
  ['claude', 'anthropic'],
  ['gemini', 'gemini'],
  ['google', 'gemini'],
  ['xai', 'xai'],
  ['grok', 'xai'],
  ['factory', 'factory'],
]);

function providerOf(
  value: unknown,
  text: string,
  { detectProvider, remarks }: ForeignOptions & { remarks: Remarks },
): ProviderName {
  const named = typeof value === 'string' ? PROVIDERS.get(value.toLowerCase()) : undefined;
  if (named === undefined && value !== undefined && value !== null)
    remarks.add("a provider that is not known here is told by the key's format instead");
  return named ?? detectProvider(text);
}

function reasonOf(status: StoredStatus, fields: Fields, text: string): string {
  if (status === 'active') return '';
  const reason = status === 'banned' ? fields.banned_reason : fields.last_error;
  const words = withoutSecrets(shown(reason, text)).slice(0, LONGEST_REASON);
  return words === '' ? 'imported so' : words;
}

/**
 * `last_error` begins with the status where there was an answer: `401: Invalid key`. Its text may quote the key. A result
 * without its time is as old as what else is known of the key.
 */
function testOf(fields: Fields, createdAtMs: number): KeyTest | undefined {
  const result = fields.last_test_result;
  if (result !== 'success' && result !== 'failed') return undefined;
  const atMs = timeOf(fields.last_test_at) ?? lastUseOf(fields) ?? createdAtMs;
  const ok = result === 'success';
  const status = ok ? 200 : Number(/^\d{3}(?=:)/.exec(String(fields.last_error ?? ''))?.[0] ?? 0);
  return { atMs, ok, status, detail: 'imported' };
}

/** A text of the file as it may be shown: with the key's hint in place of the key. */
function shown(value: unknown, key: string): string {
  return typeof value === 'string' ? withoutKey(value, key).trim() : '';
}

/** Vendors quote parts of keys in their messages. */
function withoutSecrets(text: string): string {
  return text.replace(/[A-Za-z0-9_*.-]{16,}/g, '…');
}

function timeOf(value: unknown): number | undefined {
  const ms = typeof value === 'number' ? value : typeof value === 'string' ? Date.parse(value) : Number.NaN;
  return Number.isFinite(ms) && ms > 0 ? Math.floor(ms) : undefined;
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
