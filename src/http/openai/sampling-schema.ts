import { z } from 'zod';
import type { SamplingParams, StopConditions } from '../../core/generation.js';
import { defaultCacheUse, longestSalt, type CacheUse } from '../../core/prompt-cache.js';
import { defaultSampling, defaultStop } from '../../core/sampling-defaults.js';

/**
 * The parameters that chat and text completions have in common, with the defaults of sampling-defaults.ts.
 */
export const samplingFields = {
  temperature: z.number().min(0).max(2).default(defaultSampling.temperature),
  top_p: z.number().gt(0).max(1).default(defaultSampling.topP),
  top_k: z.int().min(0).default(defaultSampling.topK),
  min_p: z.number().min(0).max(1).default(defaultSampling.minP),
  seed: z.int().optional(),
  repetition_penalty: z.number().min(0.01).max(10).default(defaultSampling.repetitionPenalty),
  presence_penalty: z.number().min(-2).max(2).default(defaultSampling.presencePenalty),
  frequency_penalty: z.number().min(-2).max(2).default(defaultSampling.frequencyPenalty),
  logit_bias: z
    .record(z.string().regex(/^\d+$/, 'keys are token ids'), z.number().min(-100).max(100))
    .default({}),
  stop: z.union([z.string().min(1), z.array(z.string().min(1))]).default([]),
  stop_token_ids: z.array(z.int().min(0)).max(64).default([]),
  ignore_eos: z.boolean().default(defaultStop.ignoreEos),
  max_tokens: z.int().min(1).optional(),
  n: z.int().min(1).max(128).default(1),
  stream: z.boolean().default(false),
  stream_options: z
    .strictObject({
      include_usage: z.boolean().default(false),
      include_obfuscation: z
        .literal(false, { error: 'streams are not padded: leave include_obfuscation out, or false' })
        .optional(),
    })
    .optional(),
  /** vLLM's name, and llama.cpp's. */
  cache_salt: z.string().min(1).max(longestSalt).optional(),
  cache_prompt: z.boolean().default(defaultCacheUse.use),
};

type SamplingFields = z.infer<z.ZodObject<typeof samplingFields>>;

export function toSampling(fields: SamplingFields): SamplingParams {
  return {
    temperature: fields.temperature,
    topP: fields.top_p,
    topK: fields.top_k,
    minP: fields.min_p,
    repetitionPenalty: fields.repetition_penalty,
    presencePenalty: fields.presence_penalty,
    frequencyPenalty: fields.frequency_penalty,
    logitBias: Object.entries(fields.logit_bias).map(([token, bias]) => [Number(token), bias]),
    ...(fields.seed === undefined ? {} : { seed: Number(BigInt.asUintN(32, BigInt(fields.seed))) }),
  };
}

export function toStopConditions(fields: SamplingFields, maxTokens = fields.max_tokens): StopConditions {
  return {
    stopStrings: typeof fields.stop === 'string' ? [fields.stop] : fields.stop,
    stopTokens: fields.stop_token_ids,
    ignoreEos: fields.ignore_eos,
    ...(maxTokens === undefined ? {} : { maxTokens }),
  };
}

export function toCacheUse({ cache_salt: salt, cache_prompt: use }: SamplingFields): CacheUse {
  return { salt: salt ?? defaultCacheUse.salt, use };
}
