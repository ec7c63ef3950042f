import koffi from 'koffi';
import type { LibraryFiles } from './library-path.js';
import './llama-structs.js';
import type {
  GgmlThreadpoolParams,
  LlamaBatch,
  LlamaContextParams,
  LlamaModelParams,
  Pointer,
} from './llama-structs.js';

/**
 * llama.h and the parts of ggml that heddle calls, one to one, in the header's order and with its names. Nothing
 * clever here: ownership, threads and errors are the business of the files above.
 */
export interface LlamaBindings {
  // ggml-backend.h, ggml.h
  ggml_backend_load_all_from_path(directory: string): void;
  ggml_backend_reg_count(): number;
  ggml_backend_reg_by_name(name: string): Pointer | null;
  ggml_backend_reg_get_proc_address(registry: Pointer, name: string): Pointer | null;
  ggml_backend_buft_is_host(bufferType: Pointer): boolean;
  ggml_backend_buft_get_device(bufferType: Pointer): Pointer | null;
  ggml_backend_buffer_get_type(buffer: Pointer): Pointer;
  ggml_backend_dev_type(device: Pointer): number;
  ggml_blck_size(type: number): number;
  ggml_type_size(type: number): number;
  ggml_threadpool_params_default(threads: number): GgmlThreadpoolParams;

  // gguf.h
  gguf_init_from_file(path: string, params: { no_alloc: boolean; ctx: Pointer | null }): Pointer | null;
  gguf_free(gguf: Pointer): void;
  gguf_get_data_offset(gguf: Pointer): number | bigint;
  gguf_find_key(gguf: Pointer, key: string): number | bigint;
  gguf_get_kv_type(gguf: Pointer, key: number): number;
  gguf_get_val_str(gguf: Pointer, key: number): string;
  gguf_get_arr_n(gguf: Pointer, key: number): number | bigint;
  gguf_get_n_tensors(gguf: Pointer): number | bigint;
  gguf_get_tensor_offset(gguf: Pointer, tensor: number): number | bigint;
  gguf_get_tensor_name(gguf: Pointer, tensor: number): string;
  gguf_get_tensor_size(gguf: Pointer, tensor: number): number | bigint;

  // llama.h
  llama_version(): string;
  llama_model_default_params(): LlamaModelParams;
  llama_context_default_params(): LlamaContextParams;
  llama_backend_init(): void;
  llama_attach_threadpool(context: Pointer, threadpool: Pointer, threadpoolBatch: Pointer): void;
  llama_detach_threadpool(context: Pointer): void;
  llama_model_load_from_file(path: string, params: LlamaModelParams): Pointer | null;
  llama_model_free(model: Pointer): void;
  llama_init_from_model(model: Pointer, params: LlamaContextParams): Pointer | null;
  llama_free(context: Pointer): void;
  llama_n_ctx(context: Pointer): number;
  llama_n_batch(context: Pointer): number;
  llama_n_seq_max(context: Pointer): number;
  llama_get_memory(context: Pointer): Pointer | null;
  llama_model_get_vocab(model: Pointer): Pointer;
  llama_model_n_ctx_train(model: Pointer): number;
  llama_model_n_embd(model: Pointer): number;
  llama_model_n_embd_out(model: Pointer): number;
  llama_model_n_layer(model: Pointer): number;
  llama_model_n_head(model: Pointer): number;
  llama_model_n_head_kv(model: Pointer): number;
  llama_model_n_swa(model: Pointer): number;
  llama_vocab_type(vocab: Pointer): number;
  llama_vocab_n_tokens(vocab: Pointer): number;
  llama_model_meta_val_str(model: Pointer, key: string, buffer: Uint8Array, size: number): number;
  llama_model_desc(model: Pointer, buffer: Uint8Array, size: number): number;
  llama_model_size(model: Pointer): number | bigint;
  llama_model_n_cls_out(model: Pointer): number;
  llama_model_cls_label(model: Pointer, output: number): string | null;
  llama_model_chat_template(model: Pointer, name: string | null): string | null;
  llama_model_n_params(model: Pointer): number | bigint;
  llama_model_is_recurrent(model: Pointer): boolean;
  llama_model_is_hybrid(model: Pointer): boolean;
  llama_memory_clear(memory: Pointer, data: boolean): void;
  llama_memory_seq_rm(memory: Pointer, sequence: number, from: number, to: number): boolean;
  llama_memory_seq_cp(memory: Pointer, source: number, target: number, from: number, to: number): void;
  llama_memory_seq_pos_min(memory: Pointer, sequence: number): number;
  llama_memory_seq_pos_max(memory: Pointer, sequence: number): number;
  llama_state_seq_get_size_ext(context: Pointer, sequence: number, flags: number): number | bigint;
  llama_state_seq_get_data_ext(
    context: Pointer,
    target: Uint8Array,
    size: number,
    sequence: number,
    flags: number,
  ): number | bigint;
  llama_state_seq_set_data_ext(
    context: Pointer,
    source: Uint8Array,
    size: number,
    sequence: number,
    flags: number,
  ): number | bigint;
  llama_decode(context: Pointer, batch: LlamaBatch): number;
  llama_set_n_threads(context: Pointer, threads: number, threadsBatch: number): void;
  llama_set_embeddings(context: Pointer, embeddings: boolean): void;
  llama_get_logits_ith(context: Pointer, row: number): Pointer | null;
  llama_get_embeddings_ith(context: Pointer, row: number): Pointer | null;
  llama_get_embeddings_seq(context: Pointer, sequence: number): Pointer | null;
  llama_vocab_get_text(vocab: Pointer, token: number): string;
  llama_vocab_is_eog(vocab: Pointer, token: number): boolean;
  llama_vocab_bos(vocab: Pointer): number;
  llama_vocab_eos(vocab: Pointer): number;
  llama_vocab_sep(vocab: Pointer): number;
  llama_vocab_get_add_bos(vocab: Pointer): boolean;
  llama_vocab_get_add_eos(vocab: Pointer): boolean;
  llama_vocab_get_add_sep(vocab: Pointer): boolean;
  llama_vocab_fim_pre(vocab: Pointer): number;
  llama_vocab_fim_suf(vocab: Pointer): number;
  llama_vocab_fim_mid(vocab: Pointer): number;
  llama_tokenize(
    vocab: Pointer,
    text: Uint8Array,
    length: number,
    tokens: Int32Array,
    capacity: number,
    addSpecial: boolean,
    parseSpecial: boolean,
  ): number;
  llama_token_to_piece(
    vocab: Pointer,
    token: number,
    buffer: Uint8Array,
    length: number,
    lstrip: number,
    special: boolean,
  ): number;
  llama_sampler_accept(sampler: Pointer, token: number): void;
  /** @param candidates a `llama_token_data_array` */
  llama_sampler_apply(sampler: Pointer, candidates: Pointer): void;
  llama_sampler_free(sampler: Pointer): void;
  llama_sampler_chain_init(params: { no_perf: boolean }): Pointer;
  llama_sampler_chain_add(chain: Pointer, sampler: Pointer): void;
  llama_sampler_init_greedy(): Pointer;
  llama_sampler_init_dist(seed: number): Pointer;
  llama_sampler_init_top_k(k: number): Pointer;
  llama_sampler_init_top_p(p: number, minKeep: number): Pointer;
  llama_sampler_init_min_p(p: number, minKeep: number): Pointer;
  llama_sampler_init_temp(temperature: number): Pointer;
  llama_sampler_init_penalties(
    vocabularySize: number,
    lastN: number,
    repeat: number,
    frequency: number,
    presence: number,
  ): Pointer;
  llama_sampler_init_logit_bias(
    vocabularySize: number,
    count: number,
    biases: { token: number; bias: number }[],
  ): Pointer;
  llama_sampler_sample(sampler: Pointer, context: Pointer, row: number): number;
  llama_log_set(callback: Pointer | null, userData: Pointer | null): void;
}

const ggmlPrototypes = [
  'void ggml_backend_load_all_from_path(const char *dir_path)',
  'size_t ggml_backend_reg_count(void)',
  'void *ggml_backend_reg_by_name(const char *name)',
] as const;

const ggmlBasePrototypes = [
  'void *ggml_backend_reg_get_proc_address(void *reg, const char *name)',
  'bool ggml_backend_buft_is_host(void *buft)',
  'void *ggml_backend_buft_get_device(void *buft)',
  'void *ggml_backend_buffer_get_type(void *buffer)',
  'int ggml_backend_dev_type(void *device)',
  'int64_t ggml_blck_size(int type)',
  'size_t ggml_type_size(int type)',
  'ggml_threadpool_params ggml_threadpool_params_default(int n_threads)',
  'void *gguf_init_from_file(const char *fname, gguf_init_params params)',
  'void gguf_free(void *ctx)',
  'size_t gguf_get_data_offset(const void *ctx)',
  'int64_t gguf_find_key(const void *ctx, const char *key)',
  'int gguf_get_kv_type(const void *ctx, int64_t key_id)',
  'const char *gguf_get_val_str(const void *ctx, int64_t key_id)',
  'size_t gguf_get_arr_n(const void *ctx, int64_t key_id)',
  'int64_t gguf_get_n_tensors(const void *ctx)',
  'size_t gguf_get_tensor_offset(const void *ctx, int64_t tensor_id)',
  'const char *gguf_get_tensor_name(const void *ctx, int64_t tensor_id)',
  'size_t gguf_get_tensor_size(const void *ctx, int64_t tensor_id)',
] as const;

const llamaPrototypes = [
  'const char *llama_version(void)',
  'llama_model_params llama_model_default_params(void)',
  'llama_context_params llama_context_default_params(void)',
  'void llama_backend_init(void)',
  'void llama_attach_threadpool(void *ctx, void *threadpool, void *threadpool_batch)',
  'void llama_detach_threadpool(void *ctx)',
  'void *llama_model_load_from_file(const char *path_model, llama_model_params params)',
  'void llama_model_free(void *model)',
  'void *llama_init_from_model(void *model, llama_context_params params)',
  'void llama_free(void *ctx)',
  'uint32_t llama_n_ctx(const void *ctx)',
  'uint32_t llama_n_batch(const void *ctx)',
  'uint32_t llama_n_seq_max(const void *ctx)',
  'void *llama_get_memory(const void *ctx)',
  'void *llama_model_get_vocab(const void *model)',
  'int32_t llama_model_n_ctx_train(const void *model)',
  'int32_t llama_model_n_embd(const void *model)',
  'int32_t llama_model_n_embd_out(const void *model)',
  'int32_t llama_model_n_layer(const void *model)',
  'int32_t llama_model_n_head(const void *model)',
  'int32_t llama_model_n_head_kv(const void *model)',
  'int32_t llama_model_n_swa(const void *model)',
  'int llama_vocab_type(const void *vocab)',
  'int32_t llama_vocab_n_tokens(const void *vocab)',
  'int32_t llama_model_meta_val_str(const void *model, const char *key, void *buf, size_t buf_size)',
  'int32_t llama_model_desc(const void *model, void *buf, size_t buf_size)',
  'uint64_t llama_model_size(const void *model)',
  'uint32_t llama_model_n_cls_out(const void *model)',
  'const char *llama_model_cls_label(const void *model, uint32_t i)',
  'const char *llama_model_chat_template(const void *model, const char *name)',
  'uint64_t llama_model_n_params(const void *model)',
  'bool llama_model_is_recurrent(const void *model)',
  'bool llama_model_is_hybrid(const void *model)',
  'void llama_memory_clear(void *mem, bool data)',
  'bool llama_memory_seq_rm(void *mem, int32_t seq_id, int32_t p0, int32_t p1)',
  'void llama_memory_seq_cp(void *mem, int32_t seq_id_src, int32_t seq_id_dst, int32_t p0, int32_t p1)',
  'int32_t llama_memory_seq_pos_min(void *mem, int32_t seq_id)',
  'int32_t llama_memory_seq_pos_max(void *mem, int32_t seq_id)',
  'size_t llama_state_seq_get_size_ext(void *ctx, int32_t seq_id, uint32_t flags)',
  'size_t llama_state_seq_get_data_ext(void *ctx, void *dst, size_t size, int32_t seq_id, uint32_t flags)',
  'size_t llama_state_seq_set_data_ext(void *ctx, const void *src, size_t size, int32_t dest_seq_id, uint32_t flags)',
  'int32_t llama_decode(void *ctx, llama_batch batch)',
  'void llama_set_n_threads(void *ctx, int32_t n_threads, int32_t n_threads_batch)',
  'void llama_set_embeddings(void *ctx, bool embeddings)',
  'void *llama_get_logits_ith(void *ctx, int32_t i)',
  'void *llama_get_embeddings_ith(void *ctx, int32_t i)',
  'void *llama_get_embeddings_seq(void *ctx, int32_t seq_id)',
  'const char *llama_vocab_get_text(const void *vocab, int32_t token)',
  'bool llama_vocab_is_eog(const void *vocab, int32_t token)',
  'int32_t llama_vocab_bos(const void *vocab)',
  'int32_t llama_vocab_eos(const void *vocab)',
  'int32_t llama_vocab_sep(const void *vocab)',
  'bool llama_vocab_get_add_bos(const void *vocab)',
  'bool llama_vocab_get_add_eos(const void *vocab)',
  'bool llama_vocab_get_add_sep(const void *vocab)',
  'int32_t llama_vocab_fim_pre(const void *vocab)',
  'int32_t llama_vocab_fim_suf(const void *vocab)',
  'int32_t llama_vocab_fim_mid(const void *vocab)',
  'int32_t llama_tokenize(const void *vocab, const void *text, int32_t text_len, void *tokens, int32_t n_tokens_max, bool add_special, bool parse_special)',
  'int32_t llama_token_to_piece(const void *vocab, int32_t token, void *buf, int32_t length, int32_t lstrip, bool special)',
  'void llama_sampler_accept(void *smpl, int32_t token)',
  'void llama_sampler_apply(void *smpl, void *cur_p)',
  'void llama_sampler_free(void *smpl)',
  'void *llama_sampler_chain_init(llama_sampler_chain_params params)',
  'void llama_sampler_chain_add(void *chain, void *smpl)',
  'void *llama_sampler_init_greedy(void)',
  'void *llama_sampler_init_dist(uint32_t seed)',
  'void *llama_sampler_init_top_k(int32_t k)',
  'void *llama_sampler_init_top_p(float p, size_t min_keep)',
  'void *llama_sampler_init_min_p(float p, size_t min_keep)',
  'void *llama_sampler_init_temp(float t)',
  'void *llama_sampler_init_penalties(int32_t n_vocab, int32_t penalty_last_n, float penalty_repeat, float penalty_freq, float penalty_present)',
  'void *llama_sampler_init_logit_bias(int32_t n_vocab, int32_t n_logit_bias, const llama_logit_bias *logit_bias)',
  'int32_t llama_sampler_sample(void *smpl, void *ctx, int32_t idx)',
  'void llama_log_set(void *log_callback, void *user_data)',
] as const;

/**
 * koffi runs calls on a stack of its own. llama.cpp's tokenizers match with std::regex, which recurses for every character
 * of a match: this is the largest stack koffi gives, and {@link cutLongRuns} keeps matches short enough for it.
 */
const callStackBytes = 16 * 1024 * 1024;

/** Loads the libraries of a build, in order, and binds every function. Throws koffi's error when one is missing. */
export function bindLlama(files: LibraryFiles): LlamaBindings {
  growCallStack();
  const base = koffi.load(files.ggmlBase);
  const ggml = koffi.load(files.ggml);
  const llama = koffi.load(files.llama);
  const bound: Record<string, unknown> = {};
  const bind = (library: typeof base, prototypes: readonly string[]): void => {
    for (const prototype of prototypes) {
      const name = /(\w+)\(/.exec(prototype)?.[1];
      if (name !== undefined) bound[name] = library.func(prototype);
    }
  };
  bind(base, ggmlBasePrototypes);
  bind(ggml, ggmlPrototypes);
  bind(llama, llamaPrototypes);
  return bound as unknown as LlamaBindings;
}

/** Once for each thread, before its first call: koffi allows no change after that. */
function growCallStack(): void {
  if (koffi.config().sync_stack_size !== callStackBytes) koffi.config({ sync_stack_size: callStackBytes });
}
