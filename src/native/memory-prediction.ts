import { basename } from 'node:path';
import koffi from 'koffi';
import { HeddleError } from '../core/errors.js';
import type { MemoryNeed } from '../core/memory.js';
import type { LoadOptions } from '../core/model-runner.js';
import { contextParams } from './context-params.js';
import { readGgufTables, type GgufTables } from './gguf-tables.js';
import { kvOverrides } from './kv-overrides.js';
import type { LlamaLibrary } from './llama-library.js';
import type { LlamaContextParams, Pointer } from './llama-structs.js';
import { explainLoadFailure } from './load-failure.js';
import { estimateContext } from './memory-estimate.js';
import { memoryBreakdown, type MemoryBreakdown } from './memory-breakdown.js';
import { modelKind } from './model-metadata.js';

/*
 * What loading a model will take, before anything is loaded. The library is asked: it can create a model and a context
 * without allocating their buffers, and says then how large they would be. What it does not account for is worked out
 * here from constants measured once (bench/src/memory-prediction.ts shows what they are worth).
 */

/** Mapped files are cut at page boundaries. */
const pageBytes = 4096;

/** Of the library's heap for each token of a vocabulary: its text twice, the index by text, score and attributes. */
const bytesPerToken = 216;

/** For each merge of a byte-pair vocabulary: two texts in a hash table. */
const bytesPerMerge = 112;

/** For each cell of an attention cache: position, shift, set of sequences (256 bits), and its place in two ordered sets. */
const bytesPerCell = 144;

/** Whatever the model: its graph, the compute backend's working buffers, and what the engine's own code allocates. */
const baseBytes = 4 * 2 ** 20;

/** Of the library's code, what loading and running a model brings into memory. */
const codeBytes = 2 * 2 ** 20;

/** Above this many slots, recurrent states are not made for the dry run: sizes are extrapolated. */
const mostStates = 16;

/** GGML_BACKEND_DEVICE_TYPE_GPU and _IGPU of ggml-backend.h: the latter uses the machine's RAM. */
const gpuType = 1;
const integratedGpuType = 2;

/**
 * Predicts the memory that loading a model with these options takes, in 1 to 5 ms, and 0.3 ms more for each 1000 tokens
 * of the vocabulary. Weights, KV cells and compute buffers are not allocated. The logits of all slots are, and the
 * recurrent states of up to 16, because the library has no dry run of them; all is freed before this returns.
 * @throws HeddleError one of the `model_...` codes when the model could not be loaded either
 */
export async function predictMemory(library: LlamaLibrary, options: LoadOptions): Promise<MemoryNeed> {
  const { bindings } = library;
  const tables = readGgufTables(bindings, options.modelPath);
  if (tables === undefined) throw await explainLoadFailure(options.modelPath, library);
  const model = openWithoutWeights(library, options.modelPath, tables);
  if (model === null) throw await explainLoadFailure(options.modelPath, library);
  try {
    const params = contextParams(bindings, model, options);
    const kept = modelKind(bindings, model) === 'generation' ? {} : { keepsNoPrompts: true };
    const tableBytes = tableSize(library, model, tables, params);
    const breakdown = memoryBreakdown(library);
    if (breakdown === undefined) {
      const mappedWeightBytes = mappedBytes(tables, () => true);
      const { cacheBytes, computeBytes } = estimateContext(bindings, model, tables.architecture, params);
      const sizes = {
        mappedWeightBytes,
        copiedWeightBytes: 0,
        cacheBytes,
        computeBytes,
        tableBytes,
        codeBytes,
      };
      return { ...sizes, ...kept, deviceBytes: 0, totalBytes: sum(sizes), basis: 'estimate' };
    }
    const buffers = measureBuffers(library, breakdown, model, params);
    if (buffers === null) throw contextRefused(options);
    const { copiedWeightBytes, cacheBytes, computeBytes, deviceBytes, deviceCacheBytes, integratedBytes } =
      buffers;
    const mappedWeightBytes = mappedBytes(tables, (name) => {
      // The embedding is looked up in the file even if a copy of it, of the same name, is the output matrix.
      if (name === 'token_embd.weight') return true;
      const type = breakdown.bufferTypeOf(model, name);
      return type !== undefined && bindings.ggml_backend_buft_is_host(type);
    });
    const sizes = { mappedWeightBytes, copiedWeightBytes, cacheBytes, computeBytes, tableBytes, codeBytes };
    const shared = gpuSharesMemory() ? deviceBytes : integratedBytes;
    const totalBytes = sum(sizes) + shared;
    return { ...sizes, ...kept, deviceBytes, deviceCacheBytes, totalBytes, basis: 'dry-run' };
  } finally {
    bindings.llama_model_free(model);
  }
}

/**
 * A model of the right shape with no weights, and no vocabulary but its size: building the index of a large vocabulary
 * takes a hundred times as long as all the rest.
 */
function openWithoutWeights(
  { bindings }: LlamaLibrary,
  path: string,
  { architecture, tokens }: GgufTables,
): Pointer | null {
  const overrides =
    tokens === undefined
      ? undefined
      : kvOverrides({ 'tokenizer.ggml.model': 'none', [`${architecture}.vocab_size`]: tokens });
  try {
    return bindings.llama_model_load_from_file(path, {
      ...bindings.llama_model_default_params(),
      no_alloc: true,
      load_mode: 0, // mapping a file without allocating is refused with an abort
      kv_overrides: overrides === undefined ? null : koffi.address(overrides),
    });
  } finally {
    overrides?.fill(0); // a use after the call: what only native code looks at must not be collected before
  }
}

/** Sizes of buffers, host memory but for the last three. */
interface Buffers {
  readonly copiedWeightBytes: number;
  readonly cacheBytes: number;
  readonly computeBytes: number;
  readonly deviceBytes: number;
  /** Of these, KV cells and recurrent states. */
  readonly deviceCacheBytes: number;
  /** Of the device's, what integrated GPUs have, in the machine's RAM. */
  readonly integratedBytes: number;
}

function measureBuffers(
  library: LlamaLibrary,
  breakdown: MemoryBreakdown,
  model: Pointer,
  params: LlamaContextParams,
): Buffers | null {
  const { bindings } = library;
  const slots = params.n_seq_max;
  const measure = (count: number): Buffers | null =>
    dryRun(library, breakdown, model, { ...params, n_seq_max: count });
  const hasStates = bindings.llama_model_is_recurrent(model) || bindings.llama_model_is_hybrid(model);
  if (!hasStates || slots <= mostStates) return measure(slots);
  const [half, whole] = [measure(mostStates / 2), measure(mostStates)];
  if (half === null || whole === null) return null;
  // States grow with the slots exactly, compute buffers by less and less.
  const steps = (slots - mostStates) / (mostStates / 2);
  const extend = (size: keyof Buffers): number => whole[size] + (whole[size] - half[size]) * steps;
  return {
    copiedWeightBytes: whole.copiedWeightBytes,
    cacheBytes: extend('cacheBytes'),
    computeBytes: extend('computeBytes'),
    deviceBytes: extend('deviceBytes'),
    deviceCacheBytes: extend('deviceCacheBytes'),
    integratedBytes: extend('integratedBytes'),
  };
}

/** Null when the library refuses to make such a context. */
function dryRun(
  { bindings }: LlamaLibrary,
  breakdown: MemoryBreakdown,
  model: Pointer,
  params: LlamaContextParams,
): Buffers | null {
  const context = bindings.llama_init_from_model(model, params);
  if (context === null) return null;
  try {
    const sizes = {
      copiedWeightBytes: 0,
      cacheBytes: 0,
      computeBytes: 0,
      deviceBytes: 0,
      deviceCacheBytes: 0,
      integratedBytes: 0,
    };
    for (const share of breakdown.of(context)) {
      const isHost = bindings.ggml_backend_buft_is_host(share.bufferType);
      const device = bindings.ggml_backend_buft_get_device(share.bufferType);
      const type = isHost || device === null ? undefined : bindings.ggml_backend_dev_type(device);
      if (type === gpuType || type === integratedGpuType) {
        const bytes = share.model + share.context + share.compute;
        sizes.deviceBytes += bytes;
        sizes.deviceCacheBytes += share.context;
        if (type === integratedGpuType) sizes.integratedBytes += bytes;
        continue;
      }
      // Weights in plain host buffers are used where they lie in the mapped file.
      if (!isHost) sizes.copiedWeightBytes += share.model;
      sizes.cacheBytes += share.context;
      sizes.computeBytes += share.compute;
    }
    return sizes;
  } finally {
    bindings.llama_free(context);
  }
}

/**
 * Of each file, the pages from the first to the last tensor that is used in place: what lies between stays mapped,
 * and was read when the file was mapped.
 */
function mappedBytes({ files }: GgufTables, inPlace: (tensor: string) => boolean): number {
  let bytes = 0;
  for (const tensors of files) {
    let [start, end] = [Infinity, 0];
    for (const tensor of tensors) {
      if (!inPlace(tensor.name)) continue;
      start = Math.min(start, tensor.start);
      end = Math.max(end, tensor.start + tensor.bytes);
    }
    if (end > 0) {
      bytes += (Math.ceil(end / pageBytes) - Math.floor(start / pageBytes)) * pageBytes;
    }
  }
  return bytes;
}

function tableSize(
  { bindings }: LlamaLibrary,
  model: Pointer,
  { tokens, merges }: GgufTables,
  { n_ctx, n_outputs_max }: LlamaContextParams,
): number {
  const vocabulary = tokens ?? bindings.llama_vocab_n_tokens(bindings.llama_model_get_vocab(model));
  const logits = vocabulary * n_outputs_max * 4;
  // A sliding window's layers have a cache of their own, with as many cells.
  const caches = bindings.llama_model_is_recurrent(model) ? 0 : bindings.llama_model_n_swa(model) > 0 ? 2 : 1;
  return (
    baseBytes + vocabulary * bytesPerToken + merges * bytesPerMerge + logits + n_ctx * caches * bytesPerCell
  );
}

/** Apple's processors: what is on the GPU is in the machine's one memory. */
function gpuSharesMemory(): boolean {
  return process.platform === 'darwin' && process.arch === 'arm64';
}

function sum(sizes: Readonly<Record<string, number>>): number {
  return Object.values(sizes).reduce((total, size) => total + size, 0);
}

function contextRefused({ modelPath, contextSize, slots }: LoadOptions): HeddleError {
  return new HeddleError(
    'model_load_failed',
    `llama.cpp makes no context of ${contextSize} cells and ${slots} slots for ${basename(modelPath)}.`,
  );
}
