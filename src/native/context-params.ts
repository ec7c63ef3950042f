import type { LoadOptions } from '../core/model-runner.js';
import type { LlamaBindings } from './llama-bindings.js';
import type { LlamaContextParams, Pointer } from './llama-structs.js';
import { poolingTypes } from '../core/model-kind.js';
import { isCausal, modelKind } from './model-metadata.js';
import { sequenceLanes } from './sequence-lanes.js';

/** Longest context that is made when none was asked for, tokens. */
const defaultContextLimit = 8192;

/** Rows computed in one go inside a decode call; the library's own default. */
const microBatch = 512;

/**
 * Logits that the rows of one step may have, bytes: what rows with results cost twice over, in the compute buffer and in
 * the library's copy. Few rows of a large vocabulary, then, and up to 64 of a small one, which is where more rows stop
 * making a step faster.
 */
const logitsBytes = 16 * 2 ** 20;
const mostOutputs = 64;

/**
 * Rows of one step that can have results, in a causal model.
 * @param sequences the library makes room for a result of each, whether it is ever computed or not
 */
export function outputRows(vocabularySize: number, sequences: number): number {
  const fitting = Math.floor(logitsBytes / (4 * vocabularySize));
  return Math.max(sequences, Math.min(mostOutputs, fitting));
}

/** The context that a model is run in: all that decides on its size. The abort callback is the runner's to add. */
export function contextParams(
  bindings: LlamaBindings,
  model: Pointer,
  options: LoadOptions,
): LlamaContextParams {
  const trained = bindings.llama_model_n_ctx_train(model);
  const contextSize = options.contextSize > 0 ? options.contextSize : Math.min(trained, defaultContextLimit);
  const causal = isCausal(bindings, model);
  // An encoder reads an input in one piece, no longer than its positions reach, and every row has a result.
  const batchSize = causal ? options.batchSize : Math.min(options.batchSize, contextSize, trained);
  const vocabularySize = bindings.llama_vocab_n_tokens(bindings.llama_model_get_vocab(model));
  const sequences = sequenceLanes(bindings, model, options).count;
  return {
    ...bindings.llama_context_default_params(),
    n_ctx: contextSize,
    n_batch: batchSize,
    n_ubatch: causal ? Math.min(batchSize, microBatch) : batchSize,
    n_seq_max: sequences,
    n_outputs_max: causal ? outputRows(vocabularySize, sequences) : Math.max(batchSize, sequences),
    embeddings: !causal,
    // An input may be computed in several steps, with others between: its rows are pooled by the engine. A reranker's
    // head is the library's to apply: to the last row that it has seen of a sequence, or the first.
    pooling_type: modelKind(bindings, model) === 'reranking' ? poolingTypes.rank : poolingTypes.none,
    n_threads: options.threads,
    n_threads_batch: options.threads,
    kv_unified: true,
    no_perf: true,
  };
}
