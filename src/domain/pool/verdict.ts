import type { ErrorCode } from '../../base/errors.ts';
import type { ProviderName } from '../../stores/pool-types.ts';
import { restUntilMs } from './retry-after.ts';
import type { Verdict } from './types.ts';
import { readVendorError, type VendorError } from './vendor-error.ts';

/** What came back from an upstream, or why nothing did. */
export interface Answer {
  /** HTTP status; 0 where there was no answer. */
  readonly status: number;
  /** Flat list of names and values, as it came. */
  readonly headers: readonly string[];
  /**
   * The body of an error answer: the parsed JSON, or a prefix of the text where it is none. For an event stream whose
   * first event is an error, that event's data; `status` may then be 200.
   */
  readonly bodyError?: unknown;
  /** Why there was no answer, or why it ended early; `ERR_CLIENT_CLOSED` where the client left. */
  readonly transport?: ErrorCode | undefined;
  readonly provider: ProviderName;
  /** As the client named it; `*` where it named none. */
  readonly model: string;
  readonly nowMs: number;
}

export interface JudgePolicy {
  /** Nothing is banned without it. */
  readonly autoBan: boolean;
  readonly ban401: boolean;
  readonly ban402: boolean;
}

const RELAY: Verdict = { key: { kind: 'none' }, upstream: 'none', then: 'relay' };
const SUCCESS: Verdict = { key: { kind: 'success' }, upstream: 'success', then: 'relay' };
const FOREIGN_ACCESS: Verdict = { key: { kind: 'none' }, upstream: 'none', then: 'another-key' };
const UPSTREAM_FAILED: Verdict = { key: { kind: 'none' }, upstream: 'strike', then: 'retry' };

/**
 * The verdict table (pure): what an answer says about the key, about the upstream, and what happens next.
 *
 * A client must not be able to get keys banned by what it asks: an answer with status 400 is about the key only when a
 * structured word says so, or when the message *begins* with a vendor's sentence, because messages quote the request.
 */
export function judge(answer: Answer, policy: JudgePolicy): Verdict {
  if (answer.transport !== undefined) return judgeTransport(answer.transport);
  if (answer.status < 400 && answer.bodyError === undefined) return answer.status < 300 ? SUCCESS : RELAY;
  const error = readVendorError(answer.bodyError);
  const status = answer.status < 400 ? statusInStream(error) : answer.status;
  if (status >= 500) return UPSTREAM_FAILED;
  const blame = blameOf(status, error);
  switch (blame.kind) {
    case 'spent':
      return { key: spent(answer, error, policy, blame.reason), upstream: 'none', then: 'another-key' };
    case 'limited':
      return { key: rest(answer, error, answer.model, blame.reason), upstream: 'none', then: 'another-key' };
    case 'key':
      return {
        key: { kind: policy.autoBan && policy.ban401 ? 'ban' : 'strike', reason: blame.reason },
        upstream: 'none',
        then: 'another-key',
      };
    case 'access':
      return FOREIGN_ACCESS;
    case 'request':
      return RELAY;
  }
}

function judgeTransport(code: ErrorCode): Verdict {
  return code.startsWith('ERR_UPSTREAM_') ? UPSTREAM_FAILED : RELAY;
}

/** Out of money: banned, or, where the operator wants no ban for that, resting so that it is not asked all the time. */
function spent(answer: Answer, error: VendorError, policy: JudgePolicy, reason: string): Verdict['key'] {
  if (policy.autoBan && policy.ban402) return { kind: 'ban', reason };
  return rest(answer, error, '*', reason);
}

function rest(answer: Answer, error: VendorError, model: string, reason: string): Verdict['key'] {
  return {
    kind: 'rest',
    untilMs: restUntilMs(answer.headers, error.json, answer.nowMs),
    model: model === '' ? '*' : model,
    reason,
  };
}

/** Whose fault an error below 500 is. `access`: this key may not use that model or resource, another may. */
interface Blame {
  readonly kind: 'key' | 'spent' | 'limited' | 'access' | 'request';
  /** Made of our own words: a vendor's message may hold the key (Gemini: `Consumer 'api_key:AIza…'`). */
  readonly reason: string;
}

function blameOf(status: number, error: VendorError): Blame {
  const { message } = error;
  switch (status) {
    case 400: {
      const dead = wordIn(error, KEY_WORDS) ?? (KEY_SENTENCE.test(message) ? 'invalid key' : undefined);
      if (dead !== undefined) return { kind: 'key', reason: `400 ${dead}` };
      const bill = wordIn(error, SPENT_WORDS) ?? (SPENT_SENTENCE.test(message) ? 'out of credit' : undefined);
      return bill === undefined ? NO_BLAME : { kind: 'spent', reason: `400 ${bill}` };
    }
    case 401: {
      if (SCOPE_TEXT.test(message) || wordIn(error, CLIENT_CHOICE_WORDS) !== undefined) return OTHER_KEY;
      return { kind: 'key', reason: `401 ${wordIn(error, KEY_WORDS) ?? 'unauthorized'}` };
    }
    case 402:
      return { kind: 'spent', reason: `402 ${wordIn(error, SPENT_WORDS) ?? 'payment required'}` };
    case 403:
      return forbidden(error);
    case 429: {
      const bill = wordIn(error, SPENT_WORDS) ?? (SPENT_TEXT.test(message) ? 'out of credit' : undefined);
      return bill === undefined
        ? { kind: 'limited', reason: '429 rate limit' }
        : { kind: 'spent', reason: `429 ${bill}` };
    }
    default:
      return NO_BLAME;
  }
}

function forbidden(error: VendorError): Blame {
  const { message } = error;
  if (wordIn(error, PLACE_WORDS) !== undefined || PLACE_TEXT.test(message)) return NO_BLAME;
  const bill = wordIn(error, SPENT_WORDS) ?? (SPENT_TEXT.test(message) ? 'out of credit' : undefined);
  if (bill !== undefined) return { kind: 'spent', reason: `403 ${bill}` };
  const word = wordIn(error, KEY_WORDS);
  if (word !== undefined) return { kind: 'key', reason: `403 ${word}` };
  if (ACCESS_TEXT.test(message)) return OTHER_KEY;
  if (KEY_TEXT.test(message)) return { kind: 'key', reason: '403 key refused' };
  return wordIn(error, ACCESS_WORDS) === undefined ? NO_BLAME : OTHER_KEY;
}

const NO_BLAME: Blame = { kind: 'request', reason: '' };
const OTHER_KEY: Blame = { kind: 'access', reason: '' };

function wordIn(error: VendorError, known: ReadonlySet<string>): string | undefined {
  for (const word of error.words) if (known.has(word)) return word;
  return undefined;
}

/**
 * Words that say: this key is no good. OpenAI: https://platform.openai.com/docs/guides/error-codes. Anthropic:
 * https://docs.claude.com/en/api/errors. Google: https://cloud.google.com/apis/docs/errors and the reasons in
 * https://github.com/googleapis/googleapis/blob/master/google/api/error_reason.proto.
 */
const KEY_WORDS: ReadonlySet<string> = new Set([
  'invalid_api_key',
  'account_deactivated',
  'deactivated_account',
  'key_expired',
  'ip_not_authorized',
  'authentication_error',
  'unauthenticated',
  'api_key_invalid',
  'api_key_expired',
  'api_key_service_blocked',
  'api_key_http_referrer_blocked',
  'api_key_ip_address_blocked',
  'api_key_android_app_blocked',
  'api_key_ios_app_blocked',
  'consumer_suspended',
  'consumer_invalid',
  'service_disabled',
  'user_project_denied',
  'account_state_invalid',
]);

/**
 * Words that say: the account has no money or no quota of money left. `RESOURCE_EXHAUSTED` is not one of them: Gemini
 * answers a limit per minute with it, under the same sentence ("You exceeded your current quota") that OpenAI uses for
 * an empty account.
 */
const SPENT_WORDS: ReadonlySet<string> = new Set([
  'insufficient_quota',
  'billing_hard_limit_reached',
  'billing_not_active',
  'credit_balance_exhausted',
  'billing_error',
  'billing_disabled',
  'insufficient_balance',
  'enforced_spend_limit_reached',
]);

/** The client chose an organization or project by header that is not this key's. */
const CLIENT_CHOICE_WORDS: ReadonlySet<string> = new Set([
  'mismatched_organization',
  'invalid_organization',
  'mismatched_project',
  'invalid_project',
]);

/** OpenAI's 403 for a place it does not serve: every key would get it. */
const PLACE_WORDS: ReadonlySet<string> = new Set([
  'unsupported_country_region_territory',
  'location_tax_policy_violated',
]);

/** A permission is missing, and nothing says that the key itself is bad. */
const ACCESS_WORDS: ReadonlySet<string> = new Set([
  'permission_error',
  'permission_denied',
  'model_not_found',
]);

/**
 * xAI answers a wrong key with 400 (https://docs.x.ai/docs/key-information/debugging), Gemini with 400 and a reason,
 * Anthropic a disabled organization with 400 `invalid_request_error`.
 */
const KEY_SENTENCE =
  /^(incorrect api key provided|api key (not valid|not found|expired)|invalid api key|this organization has been disabled|organization has been restricted)/i;

/** Anthropic has no status of its own for an empty balance: 400 `invalid_request_error`. */
const SPENT_SENTENCE =
  /^(your credit balance is too low|you have reached your specified api usage limits|billing hard limit has been reached)/i;

/** xAI and Factory, at 403 and 429: only the sentence tells that it is about money. */
const SPENT_TEXT =
  /used all available credits|monthly spending limit|(doesn't|does not) have any credits|run out of credits|insufficient (balance|credits)|credit balance is too low|no active subscription/i;

/** At 403 and 401, where the message does not quote the request. */
const KEY_TEXT =
  /(api|subscription|access)[ _-]?key\b.{0,60}\b(incorrect|invalid|not valid|not found|expired|revoked|leaked|disabled|deactivated|suspended|blocked)|\b(incorrect|invalid|expired|revoked|disabled|suspended|blocked)\b.{0,30}(api|subscription|access)[ _-]?key|has been suspended|project has been denied access|account (has been|is) (deactivated|disabled|suspended)|organization has been (disabled|restricted)/i;

/** About a model, a resource, a role or a network rule: another key may do. */
const ACCESS_TEXT =
  /(does not|doesn't|do not|don't|not) have (access|permission)|insufficient permissions|not allowed for this organization|virtual network|firewall|not authorized to (access|use)/i;

/** A restricted OpenAI key that lacks the scope of this endpoint: good for others. */
const SCOPE_TEXT = /missing scopes|insufficient permissions for this operation/i;

const PLACE_TEXT = /(country|region|territory|location)\b.{0,40}\bnot (supported|available)/i;

/**
 * Status that an error inside a stream stands for, when the head already said 200
 * (https://docs.claude.com/en/api/errors, "when receiving a streaming response").
 */
function statusInStream(error: VendorError): number {
  if (error.status !== 0) return error.status;
  for (const word of error.words) {
    const status = STREAM_STATUS.get(word);
    if (status !== undefined) return status;
  }
  return 500;
}

const STREAM_STATUS: ReadonlyMap<string, number> = new Map([
  ['invalid_request_error', 400],
  ['invalid_argument', 400],
  ['context_length_exceeded', 400],
  ['content_filter', 400],
  ['authentication_error', 401],
  ['invalid_api_key', 401],
  ['billing_error', 402],
  ['permission_error', 403],
  ['not_found_error', 404],
  ['request_too_large', 413],
  ['insufficient_quota', 429],
  ['rate_limit_error', 429],
  ['rate_limit_exceeded', 429],
  ['resource_exhausted', 429],
  ['overloaded_error', 529],
]);
