import type { Pooling } from '../../src/core/embedding.js';
import type { Token } from '../../src/core/generation.js';
import { BatchBuffer } from '../../src/native/batch-buffer.js';
import { floatsAt } from '../../src/native/floats-at.js';
import { openLlamaLibrary } from '../../src/native/llama-library.js';
import type { Pointer } from '../../src/native/llama-structs.js';

const { bindings } = openLlamaLibrary(new Int32Array(new SharedArrayBuffer(4)));

/** llama_pooling_type of llama.h. */
const poolingTypes: Readonly<Record<Pooling, number>> = { mean: 1, first: 2, last: 3 };

/** Rows of a context. */
const room = 512;

/** A model and contexts made straight from the library, beside everything that heddle does with it. */
export class ReferenceModel {
  readonly #model: Pointer;

  constructor(path: string) {
    const model = bindings.llama_model_load_from_file(path, bindings.llama_model_default_params());
    if (model === null) throw new Error(`${path} can not be loaded`);
    this.#model = model;
  }

  dispose(): void {
    bindings.llama_model_free(this.#model);
  }

  /** Of each token of the continuation; one row computed at a time. */
  logProbabilities(prompt: readonly Token[], continuation: readonly Token[]): number[] {
    const vocabularySize = bindings.llama_vocab_n_tokens(bindings.llama_model_get_vocab(this.#model));
    const tokens = [...prompt, ...continuation];
    return this.#inContext({}, (context) => {
      const buffer = new BatchBuffer(1, 1);
      const logs = tokens.slice(0, -1).map((token, start) => {
        const span = { sequenceId: 0, slot: 0, start, tokens: [token], output: true };
        if (bindings.llama_decode(context, buffer.write({ spans: [span], rows: 1 })) !== 0) throw new Error();
        const logits = floats(bindings.llama_get_logits_ith(context, 0), vocabularySize);
        const odds = logits.map((logit) => Math.exp(logit - (logits[tokens[start + 1] ?? -1] ?? NaN)));
        return -Math.log(odds.reduce((sum, value) => sum + value, 0));
      });
      return logs.slice(prompt.length - 1);
    });
  }

  /** What the head of a reranker makes of an input, all rows in one decode. */
  outputs(tokens: readonly Token[]): number[] {
    const params = { embeddings: true, pooling_type: 4 };
    return this.#pooled(tokens, params, bindings.llama_model_n_cls_out(this.#model));
  }

  /** As the library pools it, all rows in one decode. */
  embedding(tokens: readonly Token[], pooling: Pooling): number[] {
    const params = { embeddings: true, pooling_type: poolingTypes[pooling] };
    return this.#pooled(tokens, params, bindings.llama_model_n_embd_out(this.#model));
  }

  #pooled(tokens: readonly Token[], params: Record<string, unknown>, length: number): number[] {
    return this.#inContext(params, (context) => {
      const buffer = new BatchBuffer(room, room);
      const span = { sequenceId: 0, slot: 0, start: 0, tokens, output: true };
      const batch = buffer.write({ spans: [span], rows: tokens.length, embeds: true });
      if (bindings.llama_decode(context, batch) !== 0) throw new Error('the batch was not decoded');
      return floats(bindings.llama_get_embeddings_seq(context, 0), length);
    });
  }

  #inContext<T>(params: Record<string, unknown>, use: (context: Pointer) => T): T {
    const context = bindings.llama_init_from_model(this.#model, {
      ...bindings.llama_context_default_params(),
      n_ctx: room,
      n_batch: room,
      n_ubatch: room,
      n_threads: 1,
      n_threads_batch: 1,
      ...params,
    });
    if (context === null) throw new Error('no context could be made');
    try {
      return use(context);
    } finally {
      bindings.llama_free(context);
    }
  }
}

function floats(address: Pointer | null, length: number): number[] {
  if (address === null) throw new Error('there are no results');
  return Array.from(floatsAt(address, length));
}
