import type { LoadOptions } from '../core/model-runner.js';
import type { LlamaBindings } from './llama-bindings.js';
import type { LlamaContextParams, Pointer } from './llama-structs.js';

/** Longest context that is made when none was asked for, tokens. */
const defaultContextLimit = 8192;

/** Rows computed in one go inside a decode call; the library's own default. */
const microBatch = 512;

/** The context that a model is run in: all that decides on its size. The abort callback is the runner's to add. */
export function contextParams(
  bindings: LlamaBindings,
  model: Pointer,
  options: LoadOptions,
): LlamaContextParams {
  const trained = bindings.llama_model_n_ctx_train(model);
  return {
    ...bindings.llama_context_default_params(),
    n_ctx: options.contextSize > 0 ? options.contextSize : Math.min(trained, defaultContextLimit),
    n_batch: options.batchSize,
    n_ubatch: Math.min(options.batchSize, microBatch),
    n_seq_max: options.slots,
    n_outputs_max: options.slots,
    n_threads: options.threads,
    n_threads_batch: options.threads,
    kv_unified: true,
    no_perf: true,
  };
}
