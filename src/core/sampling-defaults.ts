import type { SamplingParams, StopConditions } from './generation.js';

/** How text is sampled when a client says nothing: llama.cpp's defaults for local models. */
export const defaultSampling: SamplingParams = {
  temperature: 0.8,
  topP: 0.95,
  topK: 40,
  minP: 0.05,
  repetitionPenalty: 1,
  presencePenalty: 0,
  frequencyPenalty: 0,
  logitBias: [],
};

/** Generation ends at an end token or the end of the context. */
export const defaultStop: StopConditions = { stopStrings: [], stopTokens: [], ignoreEos: false };
