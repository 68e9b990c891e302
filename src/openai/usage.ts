/**
 * Tokens of one answer, in the same sense for every vendor. In their own words, vendors differ: Anthropic's
 * `input_tokens` leaves out what is cached, Gemini's `candidatesTokenCount` and xAI's `completion_tokens` what was spent
 * on reasoning.
 */
export interface Usage {
  /** All tokens of the prompt, with those read from a cache or written to one. */
  readonly input: number;
  /** All tokens made, with those of reasoning. 0 where nothing is made (embeddings). */
  readonly output: number;
  /** Part of `input`: read from a cache. */
  readonly cached: number;
  /** Part of `output`: reasoning. */
  readonly reasoning: number;
}

type Counts = Readonly<Record<string, unknown>>;

/**
 * Reads a vendor's usage object. Its shape tells whose it is, also behind an aggregator.
 *
 * @returns `undefined` where it counts no tokens (transcriptions are billed by the second)
 */
export function usageFrom(counts: Counts): Usage | undefined {
  if (count(counts.promptTokenCount) !== undefined || count(counts.totalTokenCount) !== undefined) {
    return geminiUsage(counts);
  }
  const input = count(counts.prompt_tokens) ?? count(counts.input_tokens);
  const output = count(counts.completion_tokens) ?? count(counts.output_tokens);
  const total = count(counts.total_tokens);
  if (input === undefined && output === undefined) {
    return total === undefined ? undefined : { input: total, output: 0, cached: 0, reasoning: 0 };
  }
  if (counts.prompt_tokens === undefined && isAnthropic(counts)) return anthropicUsage(counts);
  return openAiUsage(counts, { input: input ?? 0, output: output ?? 0, total });
}

/** https://ai.google.dev/api/generate-content#UsageMetadata: the total is the sum of four disjoint counts, and of them the prompt has the cached in it. */
function geminiUsage(counts: Counts): Usage {
  const reasoning = count(counts.thoughtsTokenCount) ?? 0;
  return {
    input: (count(counts.promptTokenCount) ?? 0) + (count(counts.toolUsePromptTokenCount) ?? 0),
    output: (count(counts.candidatesTokenCount) ?? 0) + reasoning,
    cached: count(counts.cachedContentTokenCount) ?? 0,
    reasoning,
  };
}

function isAnthropic(counts: Counts): boolean {
  return 'cache_read_input_tokens' in counts || 'cache_creation_input_tokens' in counts;
}

/** https://platform.claude.com/docs/en/api/messages: three disjoint counts of input; thinking is in the output. */
function anthropicUsage(counts: Counts): Usage {
  const cached = count(counts.cache_read_input_tokens) ?? 0;
  return {
    input: (count(counts.input_tokens) ?? 0) + (count(counts.cache_creation_input_tokens) ?? 0) + cached,
    output: count(counts.output_tokens) ?? 0,
    cached,
    reasoning: detail(counts.output_tokens_details, 'thinking_tokens'),
  };
}

/**
 * OpenAI's chat and Responses shapes, and those that follow them. A total above the sum of both parts is reasoning that
 * the output leaves out: xAI names it, Gemini's compatible endpoint does not.
 */
function openAiUsage(
  counts: Counts,
  { input, output, total }: { input: number; output: number; total: number | undefined },
): Usage {
  const inputDetails = counts.prompt_tokens_details ?? counts.input_tokens_details;
  const outputDetails = counts.completion_tokens_details ?? counts.output_tokens_details;
  const hidden = Math.max(0, (total ?? 0) - input - output);
  const named = detail(outputDetails, 'reasoning_tokens') || detail(outputDetails, 'thinking_tokens');
  const all = output + (hidden > 0 ? hidden : named > output ? named : 0);
  return {
    input,
    output: all,
    // DeepSeek and Moonshot put it beside the details.
    cached:
      detail(inputDetails, 'cached_tokens') ||
      (count(counts.prompt_cache_hit_tokens) ?? count(counts.cached_tokens) ?? 0),
    reasoning: Math.min(all, named || hidden),
  };
}

/**
 * Puts two states of one answer's usage together. Counts only grow; what the later one leaves out or has as null
 * (Anthropic sends the input first and the output last) stays as it was.
 */
export function mergedCounts(earlier: Counts, later: Counts): Counts {
  const merged = new Map<string, unknown>(Object.entries(earlier));
  for (const [name, value] of Object.entries(later)) {
    const before = merged.get(name);
    if (isCounts(value) && isCounts(before)) merged.set(name, mergedCounts(before, value));
    else if (typeof value === 'number' && typeof before === 'number')
      merged.set(name, Math.max(before, value));
    else if (value !== null || before === undefined) merged.set(name, value);
  }
  return Object.fromEntries(merged);
}

/** An object, of which each member may be a count. */
export function isCounts(value: unknown): value is Counts {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function count(value: unknown): number | undefined {
  return Number.isSafeInteger(value) && (value as number) >= 0 ? (value as number) : undefined;
}

function detail(details: unknown, name: string): number {
  return isCounts(details) ? (count(details[name]) ?? 0) : 0;
}
