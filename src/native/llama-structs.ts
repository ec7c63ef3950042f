import koffi from 'koffi';

/*
 * The structs of llama.h and ggml.h that are passed by value or filled in place, in the header's order and with its
 * names. openLlamaLibrary checks at run time that the loaded library agrees with them.
 */

export const llama_model_params = koffi.struct('llama_model_params', {
  devices: 'void *',
  tensor_buft_overrides: 'void *',
  n_gpu_layers: 'int32_t',
  split_mode: 'int',
  load_mode: 'int',
  lazy_mode: 'int',
  main_gpu: 'int32_t',
  tensor_split: 'void *',
  progress_callback: 'void *',
  progress_callback_user_data: 'void *',
  kv_overrides: 'void *',
  vocab_only: 'bool',
  check_tensors: 'bool',
  use_extra_bufts: 'bool',
  no_host: 'bool',
  no_alloc: 'bool',
  load_mtp: 'bool',
});

export const llama_context_params = koffi.struct('llama_context_params', {
  n_ctx: 'uint32_t',
  n_batch: 'uint32_t',
  n_ubatch: 'uint32_t',
  n_seq_max: 'uint32_t',
  n_rs_seq: 'uint32_t',
  n_outputs_max: 'uint32_t',
  n_outputs_max_per_seq: 'uint32_t',
  n_threads: 'int32_t',
  n_threads_batch: 'int32_t',
  ctx_type: 'int',
  rope_scaling_type: 'int',
  pooling_type: 'int',
  attention_type: 'int',
  flash_attn_type: 'int',
  rope_freq_base: 'float',
  rope_freq_scale: 'float',
  yarn_ext_factor: 'float',
  yarn_attn_factor: 'float',
  yarn_beta_fast: 'float',
  yarn_beta_slow: 'float',
  yarn_orig_ctx: 'uint32_t',
  defrag_thold: 'float',
  cb_eval: 'void *',
  cb_eval_user_data: 'void *',
  type_k: 'int',
  type_v: 'int',
  abort_callback: 'void *',
  abort_callback_data: 'void *',
  embeddings: 'bool',
  offload_kqv: 'bool',
  no_perf: 'bool',
  op_offload: 'bool',
  swa_full: 'bool',
  kv_unified: 'bool',
  samplers: 'void *',
  n_samplers: 'size_t',
  ctx_other: 'void *',
});

export const llama_batch = koffi.struct('llama_batch', {
  n_tokens: 'int32_t',
  token: 'void *',
  embd: 'void *',
  pos: 'void *',
  n_seq_id: 'void *',
  seq_id: 'void *',
  logits: 'void *',
});

export const llama_logit_bias = koffi.struct('llama_logit_bias', { token: 'int32_t', bias: 'float' });

export const llama_sampler_chain_params = koffi.struct('llama_sampler_chain_params', { no_perf: 'bool' });

export const gguf_init_params = koffi.struct('gguf_init_params', { no_alloc: 'bool', ctx: 'void *' });

export const ggml_threadpool_params = koffi.struct('ggml_threadpool_params', {
  cpumask: koffi.array('bool', 512),
  n_threads: 'int',
  prio: 'int',
  poll: 'uint32_t',
  strict_cpu: 'bool',
  paused: 'bool',
});

/** `bool (*)(float progress, void * user_data)` */
export const llama_progress_callback = koffi.proto(
  'bool llama_progress_callback(float progress, void *user_data)',
);

/** A native address. 0 never occurs: koffi gives null for it. */
export type Pointer = bigint;

export interface LlamaModelParams {
  n_gpu_layers: number;
  progress_callback: Pointer | null;
  progress_callback_user_data: Pointer | null;
  use_extra_bufts: boolean;
  check_tensors: boolean;
  no_alloc: boolean;
  /** -1: mapped where the devices can use it so; 0: read into memory. */
  load_mode: number;
  /** A list of `llama_model_kv_override`, ended by one with an empty key. */
  kv_overrides: Pointer | null;
  [field: string]: unknown;
}

export interface LlamaContextParams {
  n_ctx: number;
  n_batch: number;
  n_ubatch: number;
  n_seq_max: number;
  n_outputs_max: number;
  n_threads: number;
  n_threads_batch: number;
  pooling_type: number;
  flash_attn_type: number;
  abort_callback: Pointer | null;
  abort_callback_data: Pointer | null;
  embeddings: boolean;
  no_perf: boolean;
  kv_unified: boolean;
  yarn_ext_factor: number;
  type_k: number;
  type_v: number;
  n_samplers: number | bigint;
  [field: string]: unknown;
}

export interface LlamaBatch {
  n_tokens: number;
  token: Pointer;
  embd: Pointer | null;
  pos: Pointer;
  n_seq_id: Pointer;
  seq_id: Pointer;
  logits: Pointer;
}

export interface GgmlThreadpoolParams {
  n_threads: number;
  /** 0: waiting threads sleep; 100: they spin. */
  poll: number;
  [field: string]: unknown;
}
