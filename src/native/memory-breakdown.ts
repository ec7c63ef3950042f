import koffi from 'koffi';
import type { LlamaLibrary } from './llama-library.js';
import type { Pointer } from './llama-structs.js';

/** What a context takes in buffers of one type, bytes. */
export interface BufferShare {
  /** The address of the buffer type: its identity. */
  readonly bufferType: Pointer;
  readonly model: number;
  readonly context: number;
  readonly compute: number;
}

/** The library's own account of memory, which it exports to C++ only. */
export interface MemoryBreakdown {
  /** By type of buffer, what a context and its model take; of a model without allocations, what they would take. */
  of(context: Pointer): BufferShare[];
  /** The type of the buffer that holds a tensor of the model; undefined when the model does not use that tensor. */
  bufferTypeOf(model: Pointer, tensor: string): Pointer | undefined;
}

/**
 * `std::map<ggml_backend_buffer_type_t, llama_memory_breakdown_data>` in the standard libraries that the prebuilt
 * packages are linked with, in words of 8 bytes. Both nodes have four words before the value.
 */
const mapLayouts = {
  /** libstdc++: header {compare, color, parent, left, right}, count; node {color, parent, left, right}. */
  linux: { mapWords: 6, root: 2, count: 5, left: 2, right: 3 },
  /** libc++: {first, root, count}; node {left, right, parent, is black}. */
  darwin: { mapWords: 3, root: 1, count: 2, left: 0, right: 1 },
} as const;

/** Words of a node: four of the tree, the key, and the three numbers of the value. */
const nodeWords = 8;

/** Words of `ggml_tensor` before its buffer: its type. */
const tensorBufferOffset = 8;

/** By path of the library: the functions are looked up once for each thread. */
const known = new Map<string, MemoryBreakdown | undefined>();

/**
 * llama-ext.h's account of memory, through its C++ names. A map is returned by value, into memory the caller gives, as
 * any large C struct is; its nodes are read, and freed with the allocator that `operator new` takes them from.
 * @returns undefined on a platform whose C++ library has a map of another layout, and where the functions are missing
 */
export function memoryBreakdown(library: LlamaLibrary): MemoryBreakdown | undefined {
  const path = library.files.llama;
  if (!known.has(path)) known.set(path, bind(library));
  return known.get(path);
}

function bind({ files, bindings }: LlamaLibrary): MemoryBreakdown | undefined {
  if (process.platform !== 'linux' && process.platform !== 'darwin') return undefined;
  const layout = mapLayouts[process.platform];
  const llama = koffi.load(files.llama);
  const map = koffi.struct({ words: koffi.array('uint64_t', layout.mapWords) });
  const node = koffi.array('uint64_t', nodeWords);
  let breakdown: (context: Pointer) => { words: ArrayLike<number | bigint> };
  let tensor: (model: Pointer, name: string) => Pointer | null;
  try {
    breakdown = llama.func('_Z26llama_get_memory_breakdownPK13llama_context', map, ['void *']);
    tensor = llama.func('_ZNK11llama_model10get_tensorEPKc', 'void *', ['void *', 'const char *']);
  } catch {
    return undefined; // a build that exports C names only: the caller estimates
  }
  const free = koffi.load(null).func('void free(void *address)') as (address: Pointer) => void;

  /** Adds the shares of a subtree, in the order of their keys, and frees its nodes. */
  const take = (address: Pointer, shares: BufferShare[]): void => {
    const words = Array.from(koffi.decode(address, node) as ArrayLike<number | bigint>, BigInt);
    const word = (index: number): Pointer => words[index] ?? 0n;
    if (word(layout.left) !== 0n) take(word(layout.left), shares);
    shares.push({
      bufferType: word(4),
      model: Number(word(5)),
      context: Number(word(6)),
      compute: Number(word(7)),
    });
    if (word(layout.right) !== 0n) take(word(layout.right), shares);
    free(address);
  };

  return {
    of(context) {
      const { words } = breakdown(context);
      const shares: BufferShare[] = [];
      const root = BigInt(words[layout.root] ?? 0);
      if (root !== 0n && Number(words[layout.count]) > 0) take(root, shares);
      return shares;
    },
    bufferTypeOf(model, name) {
      const address = tensor(model, name);
      if (address === null) return undefined;
      const buffer = koffi.decode(address, tensorBufferOffset, 'void *') as Pointer | null;
      return buffer === null ? undefined : bindings.ggml_backend_buffer_get_type(buffer);
    },
  };
}
