import type { Usage } from '../answer.js';

/** How the tokens of a prompt came about, as Anthropic counts them: each is in one of the three. */
interface InputCounts {
  readonly input_tokens: number;
  readonly cache_creation_input_tokens: number;
  readonly cache_read_input_tokens: number;
}

/**
 * What was not read from the cache is counted as written to it up to the last mark of the client, and as plain input behind
 * that. (All of it is kept, marked or not.) The last token is always computed.
 */
function inputCounts({ promptTokens, cachedTokens, unmarkedTokens = promptTokens }: Usage): InputCounts {
  const computed = promptTokens - cachedTokens;
  const plain = Math.min(computed, Math.max(1, unmarkedTokens));
  return {
    input_tokens: plain,
    cache_creation_input_tokens: computed - plain,
    cache_read_input_tokens: cachedTokens,
  };
}

function outputCounts({ completionTokens, reasoningTokens }: Usage): object {
  return {
    output_tokens: completionTokens,
    output_tokens_details: { thinking_tokens: reasoningTokens },
    server_tool_use: null,
  };
}

/** Token counts of a message. @param ttl that the client asks for */
export function usageBody(usage: Usage, ttl: '5m' | '1h'): object {
  const counts = inputCounts(usage);
  const created = counts.cache_creation_input_tokens;
  return {
    ...counts,
    cache_creation: {
      ephemeral_5m_input_tokens: ttl === '5m' ? created : 0,
      ephemeral_1h_input_tokens: ttl === '1h' ? created : 0,
    },
    ...outputCounts(usage),
    inference_geo: null,
    service_tier: 'standard',
    speed: null,
  };
}

/** Token counts in the last but one event of a stream; those that count. */
export function deltaUsageBody(usage: Usage): object {
  return { ...inputCounts(usage), ...outputCounts(usage) };
}
