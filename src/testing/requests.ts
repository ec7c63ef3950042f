import type { EmbedRequest } from '../core/embedding.js';
import type { GenerateRequest, Prompt, SamplingParams, StopConditions, Token } from '../core/generation.js';
import type { LikelihoodWish, TokenLikelihood } from '../core/likelihood.js';
import { defaultCacheUse, type CacheUse } from '../core/prompt-cache.js';
import type { RerankRequest } from '../core/reranking.js';
import type { ScoreRequest } from '../core/scoring.js';
import type { GenerationUpdate } from '../engine/generation.js';

/** Every sampling stage off, and no randomness. */
export const greedySampling: SamplingParams = {
  temperature: 0,
  topP: 1,
  topK: 0,
  minP: 0,
  repetitionPenalty: 1,
  presencePenalty: 0,
  frequencyPenalty: 0,
  logitBias: [],
};

let lastId = 0;

/** A greedy request for 16 tokens, except for what is said otherwise. */
export function makeRequest(
  parts: {
    prompt?: string | readonly Token[];
    choices?: number;
    sampling?: Partial<SamplingParams>;
    stop?: Partial<StopConditions>;
    cache?: Partial<CacheUse>;
    likelihoods?: LikelihoodWish;
  } = {},
): GenerateRequest {
  const { prompt = 'once upon a time', choices = 1, sampling, stop, cache, likelihoods } = parts;
  return {
    id: `request-${++lastId}`,
    prompt: makePrompt(prompt),
    choices,
    sampling: { ...greedySampling, ...sampling },
    stop: { maxTokens: 16, stopStrings: [], stopTokens: [], ignoreEos: false, ...stop },
    cache: { ...defaultCacheUse, ...cache },
    ...(likelihoods === undefined ? {} : { likelihoods }),
  };
}

export function makeScoreRequest(
  prompt: string | readonly Token[],
  continuation: string | readonly Token[],
  likelihoods?: LikelihoodWish,
): ScoreRequest {
  return {
    id: `request-${++lastId}`,
    prompt: makePrompt(prompt),
    continuation: makePrompt(continuation),
    ...(likelihoods === undefined ? {} : { likelihoods }),
  };
}

/** Embeddings as the model made them, unless they are to be normalised. */
export function makeEmbedRequest(
  inputs: readonly (string | readonly Token[])[],
  normalize = false,
): EmbedRequest {
  return { id: `request-${++lastId}`, inputs: inputs.map(makePrompt), normalize };
}

export function makeRerankRequest(query: string, documents: readonly string[]): RerankRequest {
  return { id: `request-${++lastId}`, query, documents };
}

function makePrompt(prompt: string | readonly Token[]): Prompt {
  return typeof prompt === 'string'
    ? { kind: 'text', text: prompt, addSpecial: false, parseSpecial: false }
    : { kind: 'tokens', tokens: prompt };
}

/** All that a request produced. */
export interface Collected {
  readonly promptTokens: number;
  /** Text of each choice. */
  readonly texts: readonly string[];
  readonly finishes: readonly (string | undefined)[];
  readonly completionTokens: readonly number[];
  /** Of each choice; empty where the request asks for none. */
  readonly likelihoods: readonly (readonly TokenLikelihood[])[];
  /** Updates of choices, a count. */
  readonly updates: number;
}

/** Reads a request to its end. @throws HeddleError when it fails */
export async function collect(updates: AsyncIterable<GenerationUpdate>): Promise<Collected> {
  const texts: string[] = [];
  const finishes: (string | undefined)[] = [];
  const completionTokens: number[] = [];
  const likelihoods: TokenLikelihood[][] = [];
  let promptTokens = 0;
  let count = 0;
  for await (const update of updates) {
    if (update.kind === 'accepted') {
      promptTokens = update.promptTokens;
      continue;
    }
    if (update.kind === 'started') continue; // what is in the cache does not change a result
    count++;
    const { choice, text, finish } = update;
    texts[choice] = (texts[choice] ?? '') + text;
    completionTokens[choice] = update.completionTokens;
    finishes[choice] = finish?.reason;
    likelihoods[choice] = [...(likelihoods[choice] ?? []), ...(update.likelihoods ?? [])];
  }
  return { promptTokens, texts, finishes, completionTokens, likelihoods, updates: count };
}

/** Tokens of a request's prompt that were taken over from the prompt cache; reads it to its end. */
export async function cachedTokensOf(updates: AsyncIterable<GenerationUpdate>): Promise<number> {
  let cachedTokens = 0;
  for await (const update of updates) if (update.kind === 'started') cachedTokens += update.cachedTokens;
  return cachedTokens;
}
