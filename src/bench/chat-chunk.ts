/** What the server counted, as far as it tells. */
export interface TokenCounts {
  readonly promptTokens?: number;
  readonly completionTokens?: number;
  /** Of the prompt, as `usage.prompt_tokens_details.cached_tokens` says. */
  readonly cachedTokens?: number;
}

/** Why a request failed. */
export interface Failure {
  /**
   * What is counted: `connect`, `reset`, `timeout`, `truncated` (the stream ended without `[DONE]`), `malformed`,
   * `empty` (no text), `http STATUS CODE`, or `stream CODE` for an error inside a stream.
   */
  readonly kind: string;
  readonly message: string;
}

/** What one event of a streamed chat completion says. Only its first choice is read: we ask for one. */
export interface ChatChunk {
  /** Of the answer. */
  readonly content: string;
  /** Of a reasoning model's thoughts, which vLLM, SGLang, llama.cpp and others send apart from the answer. */
  readonly reasoning: string;
  readonly finishReason?: string;
  readonly counts: TokenCounts;
  /** The stream fails with it. */
  readonly failure?: Failure;
}

/** Reads an event's data. What is of another type than it should be counts as absent. */
export function readChunk(data: string): ChatChunk {
  const chunk = parse(data);
  if (chunk === undefined)
    return failed({ kind: 'malformed', message: `An event is no JSON object: ${data.slice(0, 100)}` });
  if (chunk['error'] !== undefined && chunk['error'] !== null)
    return failed(failureOf('stream', chunk['error']));
  const choice = Array.isArray(chunk['choices']) ? object(chunk['choices'][0]) : {};
  const delta = object(choice['delta']);
  const finishReason = string(choice['finish_reason']);
  return {
    content: string(delta['content']) ?? '',
    reasoning: string(delta['reasoning_content']) ?? string(delta['reasoning']) ?? '',
    ...(finishReason === undefined ? {} : { finishReason }),
    counts: countsOf(object(chunk['usage'])),
  };
}

/** An `error` of a server, as a failure: its code, or what comes closest. */
export function failureOf(where: string, error: unknown): Failure {
  if (typeof error === 'string') return { kind: where, message: error };
  const { code, type, message } = object(error);
  const name = [code, type].find((value) => typeof value === 'string' || typeof value === 'number') ?? '';
  return { kind: `${where} ${name}`.trim(), message: string(message) ?? 'The server gives no reason.' };
}

/** A JSON object; undefined when the text is none. */
export function parse(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

function countsOf(usage: Record<string, unknown>): TokenCounts {
  const promptTokens = number(usage['prompt_tokens']);
  const completionTokens = number(usage['completion_tokens']);
  const cachedTokens = number(object(usage['prompt_tokens_details'])['cached_tokens']);
  return {
    ...(promptTokens === undefined ? {} : { promptTokens }),
    ...(completionTokens === undefined ? {} : { completionTokens }),
    ...(cachedTokens === undefined ? {} : { cachedTokens }),
  };
}

const failed = (failure: Failure): ChatChunk => ({ content: '', reasoning: '', counts: {}, failure });

const object = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};

const string = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);

const number = (value: unknown): number | undefined => (typeof value === 'number' ? value : undefined);
