/** How long a limited key rests when the answer says nothing usable. */
export const DEFAULT_REST_MS = 60_000;
/** No answer makes a key rest longer than this: an upstream's broken clock must not take a key away for a year. */
export const LONGEST_REST_MS = 86_400_000;

/**
 * When a limited key may be asked again. The sources, first one that says something about the future wins:
 *
 * 1. `retry-after-ms` (Azure: https://learn.microsoft.com/azure/ai-services/openai/how-to/quota), then `Retry-After` in
 *    seconds, fractions too, or as an HTTP date (RFC 9110 §10.2.3)
 * 2. `google.rpc.RetryInfo.retryDelay` in the body (https://ai.google.dev/gemini-api/docs/troubleshooting, shape:
 *    https://cloud.google.com/apis/design/errors#error_details)
 * 3. `x-ratelimit-reset-*` (https://platform.openai.com/docs/guides/rate-limits#rate-limits-in-headers) and
 *    `anthropic-ratelimit-*-reset` (https://docs.claude.com/en/api/rate-limits#response-headers): the latest of the limits
 *    whose `remaining` is 0, or of all where none says so
 *
 * else 60 s. A wait of nothing, a negative one and a date in the past say nothing: taken at their word they would make
 * every request try the limited key first.
 *
 * @param headers flat list of names and values
 * @param body parsed JSON of the answer, if it is any
 * @returns epoch ms, in the future and at most 24 h away
 */
export function restUntilMs(headers: readonly string[], body: unknown, nowMs: number): number {
  const waitMs =
    waitOf(headers, nowMs) ?? retryDelayMs(body) ?? resetWaitMs(headers, nowMs) ?? DEFAULT_REST_MS;
  return nowMs + Math.min(Math.ceil(waitMs), LONGEST_REST_MS);
}

/** `retry-after-ms` or `Retry-After`, whichever is usable; ms from now. */
function waitOf(headers: readonly string[], nowMs: number): number | undefined {
  return (
    positive(Number(headerOf(headers, 'retry-after-ms') || NaN)) ??
    durationMs(headerOf(headers, 'retry-after') ?? '', nowMs)
  );
}

/** `retryDelay` of a `google.rpc.RetryInfo` (a protobuf duration: `34s`, `34.074824224s`). */
function retryDelayMs(body: unknown): number | undefined {
  const holder = Array.isArray(body) ? body[0] : body;
  const error = member(holder, 'error') ?? holder;
  const details = member(error, 'details');
  if (!Array.isArray(details)) return undefined;
  for (const detail of details) {
    const delay = member(detail, 'retryDelay');
    if (typeof delay !== 'string') continue;
    const seconds = /^(\d+(?:\.\d+)?)s$/.exec(delay)?.[1];
    const waitMs = seconds === undefined ? undefined : positive(Number(seconds) * 1000);
    if (waitMs !== undefined) return waitMs;
  }
  return undefined;
}

const OPENAI_RESET = /^x-ratelimit-reset(-[a-z_-]+)?$/;
const ANTHROPIC_RESET = /^anthropic-ratelimit-([a-z_-]+)-reset$/;

function resetWaitMs(headers: readonly string[], nowMs: number): number | undefined {
  let exhaustedMs: number | undefined;
  let anyMs: number | undefined;
  for (let index = 0; index + 1 < headers.length; index += 2) {
    const remainingName = remainingFieldOf(headers[index]!.toLowerCase());
    if (remainingName === undefined) continue;
    const waitMs = durationMs(headers[index + 1]!, nowMs);
    if (waitMs === undefined) continue;
    anyMs = Math.max(anyMs ?? 0, waitMs);
    if (headerOf(headers, remainingName)?.trim() === '0') exhaustedMs = Math.max(exhaustedMs ?? 0, waitMs);
  }
  return exhaustedMs ?? anyMs;
}

/** The field that says how much is left of the limit whose reset this one tells. */
function remainingFieldOf(name: string): string | undefined {
  const openai = OPENAI_RESET.exec(name);
  if (openai !== null) return `x-ratelimit-remaining${openai[1] ?? ''}`;
  const anthropic = ANTHROPIC_RESET.exec(name);
  return anthropic === null ? undefined : `anthropic-ratelimit-${anthropic[1]}-remaining`;
}

const UNIT_MS: Readonly<Record<string, number>> = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1000, ms: 1 };

/**
 * Reads a wait as vendors write it: seconds (`7`, `0.5`), epoch seconds or ms, `6m0s`, `20ms`, an HTTP date, an RFC 3339
 * date. @returns ms from now, above 0
 */
function durationMs(text: string, nowMs: number): number | undefined {
  const value = text.trim();
  if (/^\d+(\.\d+)?$/.test(value)) {
    const number = Number(value);
    // A wait of thirty years is a point in time.
    if (number > 1e11) return positive(number - nowMs);
    if (number > 1e9) return positive(number * 1000 - nowMs);
    return positive(number * 1000);
  }
  if (/^(\d+(\.\d+)?(ms|d|h|m|s))+$/.test(value)) {
    let sumMs = 0;
    for (const [, amount, unit] of value.matchAll(/(\d+(?:\.\d+)?)(ms|d|h|m|s)/g)) {
      sumMs += Number(amount) * UNIT_MS[unit!]!;
    }
    return positive(sumMs);
  }
  // Only what looks like a date: `Date.parse` makes one of nearly anything (`-1`).
  if (!/^([A-Za-z]{3,9},? |\d{4}-\d{2}-\d{2}T)/.test(value)) return undefined;
  return positive(Date.parse(value) - nowMs);
}

function positive(value: number): number | undefined {
  return Number.isFinite(value) && value > 0 ? value : undefined;
}

/** First value of a field; names in `headers` may have any case. */
function headerOf(headers: readonly string[], name: string): string | undefined {
  for (let index = 0; index + 1 < headers.length; index += 2) {
    const candidate = headers[index]!;
    if (candidate.length === name.length && candidate.toLowerCase() === name) return headers[index + 1];
  }
  return undefined;
}

function member(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}
