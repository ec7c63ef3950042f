import type { LlamaBindings } from './llama-bindings.js';
import type { Pointer } from './llama-structs.js';

/** Where a tensor lies in its file. */
export interface TensorPlace {
  readonly name: string;
  /** Bytes from the start of the file. */
  readonly start: number;
  readonly bytes: number;
}

/** What the head of a GGUF file says about sizes. */
export interface GgufTables {
  readonly architecture: string;
  /** Tokens of the vocabulary; undefined when the file has no list of them. */
  readonly tokens: number | undefined;
  /** Merges of a byte-pair vocabulary. */
  readonly merges: number;
  /** The tensors of each file of the model: one file, or all parts of a split model. */
  readonly files: readonly (readonly TensorPlace[])[];
}

/** gguf_type of gguf.h. */
const [stringType, arrayType] = [8, 9];

/**
 * Reads the tensor tables of a model with the library's own reader: 0.1 microseconds a token of the vocabulary.
 * @param path of a split model, the first file's
 * @returns undefined when the library can not read one of the files
 */
export function readGgufTables(bindings: LlamaBindings, path: string): GgufTables | undefined {
  const head = withGguf(bindings, path, (gguf) => ({
    architecture: stringValue(bindings, gguf, 'general.architecture'),
    tokens: arrayLength(bindings, gguf, 'tokenizer.ggml.tokens'),
    merges: arrayLength(bindings, gguf, 'tokenizer.ggml.merges') ?? 0,
    tensors: tensorPlaces(bindings, gguf),
  }));
  if (head?.architecture === undefined) return undefined;
  const { architecture, tokens, merges, tensors } = head;
  const files = [tensors];
  for (const part of otherParts(path)) {
    const others = withGguf(bindings, part, (gguf) => tensorPlaces(bindings, gguf));
    if (others === undefined) return undefined;
    files.push(others);
  }
  return { architecture, tokens, merges, files };
}

/** `model-00001-of-00003.gguf`: the names of parts 2 and 3, as llama.cpp makes them. */
function otherParts(path: string): string[] {
  const [, stem, count] = /^(.*)-00001-of-(\d{5})\.gguf$/s.exec(path) ?? [];
  if (stem === undefined || count === undefined) return [];
  return Array.from(
    { length: Number(count) - 1 },
    (_, index) => `${stem}-${String(index + 2).padStart(5, '0')}-of-${count}.gguf`,
  );
}

function withGguf<T>(bindings: LlamaBindings, path: string, read: (gguf: Pointer) => T): T | undefined {
  const gguf = bindings.gguf_init_from_file(path, { no_alloc: true, ctx: null });
  if (gguf === null) return undefined;
  try {
    return read(gguf);
  } finally {
    bindings.gguf_free(gguf);
  }
}

function tensorPlaces(bindings: LlamaBindings, gguf: Pointer): TensorPlace[] {
  const data = Number(bindings.gguf_get_data_offset(gguf));
  return Array.from({ length: Number(bindings.gguf_get_n_tensors(gguf)) }, (_, index) => ({
    name: bindings.gguf_get_tensor_name(gguf, index),
    start: data + Number(bindings.gguf_get_tensor_offset(gguf, index)),
    bytes: Number(bindings.gguf_get_tensor_size(gguf, index)),
  }));
}

/** The type is asked first: the library aborts the process when a value is read as another one. */
function stringValue(bindings: LlamaBindings, gguf: Pointer, name: string): string | undefined {
  const key = Number(bindings.gguf_find_key(gguf, name));
  if (key < 0 || bindings.gguf_get_kv_type(gguf, key) !== stringType) return undefined;
  return bindings.gguf_get_val_str(gguf, key);
}

function arrayLength(bindings: LlamaBindings, gguf: Pointer, name: string): number | undefined {
  const key = Number(bindings.gguf_find_key(gguf, name));
  if (key < 0 || bindings.gguf_get_kv_type(gguf, key) !== arrayType) return undefined;
  return Number(bindings.gguf_get_arr_n(gguf, key));
}
