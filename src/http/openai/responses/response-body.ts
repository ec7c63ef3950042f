import type { HeddleError } from '../../../core/errors.js';
import type { AnswerEnd, Usage } from '../../answer.js';
import { servedTier } from '../standing-schema.js';
import type { OutputItem } from './item.js';
import type { ResponsesBody } from './responses-schema.js';
import { textBody } from './text-schema.js';

/** What is known of a response from the beginning. */
export interface ResponseHead {
  readonly id: string;
  /** What was asked. */
  readonly asked: ResponsesBody;
  /** Seconds since 1970. */
  readonly createdAt: number;
}

/** How far a response is. */
export type ResponseProgress =
  | { readonly status: 'in_progress' }
  | {
      readonly status: 'ended';
      readonly end: AnswerEnd;
      readonly output: readonly OutputItem[];
      readonly usage: Usage;
      /** What was not as the model's format asks. */
      readonly warnings: readonly string[];
    }
  | { readonly status: 'failed'; readonly error: HeddleError; readonly output: readonly OutputItem[] };

/** The response object of the OpenAI API. */
export function responseBody({ id, asked, createdAt }: ResponseHead, progress: ResponseProgress): object {
  const { reasoning, tools, safety_identifier: safety, prompt_cache_key: key, user } = asked;
  return {
    id,
    object: 'response',
    created_at: createdAt,
    ...progressFields(progress, asked),
    background: false,
    instructions: asked.instructions ?? null,
    max_output_tokens: asked.max_output_tokens ?? null,
    metadata: asked.metadata,
    model: asked.model,
    parallel_tool_calls: asked.parallel_tool_calls,
    previous_response_id: asked.previous_response_id ?? null,
    reasoning: { effort: reasoning.effort ?? null, summary: null },
    service_tier: servedTier(asked) ?? 'default',
    store: asked.store,
    temperature: asked.temperature,
    text: textBody(asked.text),
    tool_choice: asked.tool_choice,
    tools: tools.map(({ name, description = null, parameters = null, strict }) => ({
      type: 'function',
      name,
      description,
      parameters,
      strict: strict ?? false,
    })),
    top_logprobs: asked.top_logprobs,
    top_p: asked.top_p,
    truncation: 'disabled',
    ...(safety === undefined ? {} : { safety_identifier: safety }),
    ...(key === undefined ? {} : { prompt_cache_key: key }),
    ...(user === undefined ? {} : { user }),
  };
}

function progressFields(progress: ResponseProgress, { cache_prompt: isKept }: ResponsesBody): object {
  const none = { completed_at: null, error: null, incomplete_details: null };
  switch (progress.status) {
    case 'in_progress':
      return { status: 'in_progress', ...none, output: [], usage: null };
    case 'failed': {
      const { message } = progress.error;
      const error = { code: 'server_error', message };
      return { status: 'failed', ...none, error, output: progress.output, usage: null };
    }
    case 'ended': {
      const { end, output, usage, warnings } = progress;
      const isWhole = end.reason === 'stop';
      return {
        status: isWhole ? 'completed' : 'incomplete',
        ...none,
        ...(isWhole ? { completed_at: seconds() } : { incomplete_details: { reason: 'max_output_tokens' } }),
        output,
        usage: responseUsage(usage, isKept),
        ...(warnings.length === 0 ? {} : { warnings }),
      };
    }
  }
}

/**
 * Token counts as this API has them.
 * @param isKept what was computed of the prompt is there for others, as long as there is room
 */
function responseUsage(usage: Usage, isKept: boolean): object {
  const { promptTokens, cachedTokens, completionTokens, reasoningTokens } = usage;
  return {
    input_tokens: promptTokens,
    input_tokens_details: {
      cached_tokens: cachedTokens,
      cache_write_tokens: isKept ? promptTokens - cachedTokens : 0,
    },
    output_tokens: completionTokens,
    output_tokens_details: { reasoning_tokens: reasoningTokens },
    total_tokens: promptTokens + completionTokens,
  };
}

/** Now, in seconds since 1970. */
export function seconds(): number {
  return Math.floor(Date.now() / 1000);
}
