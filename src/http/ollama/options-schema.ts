import { z } from 'zod';
import { HeddleError } from '../../core/errors.js';
import type { SamplingParams, StopConditions } from '../../core/generation.js';
import type { ModelInfo } from '../../core/model-runner.js';
import { defaultSampling, defaultStop } from '../../core/sampling-defaults.js';

const byOperator = 'how a model is loaded is said in the configuration of the server: leave it out';

/** A parameter that heddle has only one value of. */
function only<Value extends boolean | number>(value: Value, why: string) {
  return z.literal(value, `${why}, so only ${String(value)} can be asked for`).optional();
}

/** What `options` of a request for text may have. */
export const optionFields = {
  temperature: z.number().min(0).max(2).default(defaultSampling.temperature),
  top_p: z.number().gt(0).max(1).default(defaultSampling.topP),
  top_k: z.int().min(0).default(defaultSampling.topK),
  min_p: z.number().min(0).max(1).default(defaultSampling.minP),
  seed: z.int().optional(),
  /** Negative, and 0 as in Ollama: as many as the context holds. */
  num_predict: z.int().optional(),
  stop: z.union([z.string().min(1), z.array(z.string().min(1))]).default([]),
  repeat_penalty: z.number().min(0.01).max(10).default(defaultSampling.repetitionPenalty),
  presence_penalty: z.number().min(-2).max(2).default(defaultSampling.presencePenalty),
  frequency_penalty: z.number().min(-2).max(2).default(defaultSampling.frequencyPenalty),
  /** Tokens that penalties look at: all (-1), or none (0). */
  repeat_last_n: z.int().min(-1).optional(),
  /** Tokens of context that the client counts on. */
  num_ctx: z.int().min(1).optional(),
  /** Tokens of the prompt that stay when the context is full: here all do, since nothing is ever dropped. */
  num_keep: z.int().optional(),
  typical_p: only(1, 'typical sampling is not supported'),
  tfs_z: only(1, 'tail-free sampling is not supported'),
  mirostat: only(0, 'mirostat is not supported'),
  /** Of mirostat, which is off. */
  mirostat_tau: z.number().optional(),
  mirostat_eta: z.number().optional(),
  penalize_newline: only(true, 'penalties are for all tokens'),
  num_gpu: only(-1, byOperator),
  main_gpu: only(0, byOperator),
  num_thread: only(0, byOperator),
  num_batch: z.never(byOperator).optional(),
  use_mmap: only(true, byOperator),
  use_mlock: only(false, byOperator),
  numa: only(false, byOperator),
  low_vram: only(false, byOperator),
  f16_kv: only(true, byOperator),
  vocab_only: only(false, byOperator),
  logits_all: only(false, byOperator),
};

/** The `options` of a request for text. */
export const optionsSchema = z
  .strictObject(optionFields)
  .prefault({})
  .superRefine((options, context) => {
    const { repeat_last_n: window = -1, repeat_penalty, presence_penalty, frequency_penalty } = options;
    const hasPenalties = repeat_penalty !== 1 || presence_penalty !== 0 || frequency_penalty !== 0;
    if (window > 0 && hasPenalties) {
      context.addIssue({
        code: 'custom',
        path: ['repeat_last_n'],
        message: 'penalties look at all tokens (-1) or none (0), not at the last few',
      });
    }
  })
  .meta({
    rules: ['Where there are penalties, repeat_last_n is -1 or 0: they look at all tokens, or none.'],
  });

export type TextOptions = z.infer<typeof optionsSchema>;

export function toSampling(options: TextOptions): SamplingParams {
  const { temperature, top_p: topP, top_k: topK, min_p: minP, seed, repeat_last_n: window } = options;
  const penalties =
    window === 0
      ? { repetitionPenalty: 1, presencePenalty: 0, frequencyPenalty: 0 }
      : {
          repetitionPenalty: options.repeat_penalty,
          presencePenalty: options.presence_penalty,
          frequencyPenalty: options.frequency_penalty,
        };
  return {
    temperature,
    topP,
    topK,
    minP,
    ...penalties,
    logitBias: [],
    ...(seed === undefined ? {} : { seed: Number(BigInt.asUintN(32, BigInt(seed))) }),
  };
}

export function toStopConditions({ stop, num_predict: most = -1 }: TextOptions): StopConditions {
  return {
    ...defaultStop,
    stopStrings: typeof stop === 'string' ? [stop] : stop,
    ...(most > 0 ? { maxTokens: most } : {}),
  };
}

/**
 * A client that counts on more context than there is would lose the end of its answers, or think that others are cut.
 * @throws HeddleError `invalid_parameter`
 */
export function checkContext({ num_ctx: wanted }: Pick<TextOptions, 'num_ctx'>, info: ModelInfo): void {
  const { contextSize, trainingContext } = info;
  if (wanted === undefined || wanted <= contextSize) return;
  const help =
    wanted <= trainingContext
      ? 'Ask for less, or set "context" for the model in the configuration of the server.'
      : `It was trained for ${trainingContext}: ask for less.`;
  throw new HeddleError(
    'invalid_parameter',
    `"options.num_ctx": the model is loaded with a context of ${contextSize} tokens, not ${wanted}. ${help}`,
    { param: 'options.num_ctx' },
  );
}
