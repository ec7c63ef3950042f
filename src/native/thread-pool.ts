import koffi from 'koffi';
import { HeddleError } from '../core/errors.js';
import type { LlamaLibrary } from './llama-library.js';
import './llama-structs.js';
import type { GgmlThreadpoolParams, Pointer } from './llama-structs.js';
import { NativeHandle } from './native-handle.js';

const threadpoolNew = koffi.proto('void *ggml_threadpool_new(ggml_threadpool_params *params)');
const threadpoolFree = koffi.proto('void ggml_threadpool_free(void *threadpool)');

/**
 * Compute threads of one engine. Without one, the library starts and ends threads for every graph. Waiting threads
 * sleep (`poll` 0): spinning ones take the cores from the other engines.
 * @throws HeddleError `native_call_failed`
 */
export function createThreadPool(library: LlamaLibrary, threads: number): NativeHandle {
  const { bindings } = library;
  const params = bindings.ggml_threadpool_params_default(threads);
  params.poll = 0;
  const create = cpuFunction(library, 'ggml_threadpool_new', threadpoolNew) as (
    params: GgmlThreadpoolParams,
  ) => Pointer | null;
  const free = cpuFunction(library, 'ggml_threadpool_free', threadpoolFree) as (pool: Pointer) => void;
  const pool = create(params);
  if (pool === null) {
    throw new HeddleError('native_call_failed', `A pool of ${threads} compute threads could not be started.`);
  }
  return new NativeHandle('thread pool', pool, free);
}

/** Functions of the CPU backend are found through its registry: which of its builds was loaded is decided at run time. */
function cpuFunction(
  { bindings, files }: LlamaLibrary,
  name: string,
  type: ReturnType<typeof koffi.proto>,
): unknown {
  const registry = bindings.ggml_backend_reg_by_name('CPU');
  const address = registry === null ? null : bindings.ggml_backend_reg_get_proc_address(registry, name);
  if (address === null) {
    throw new HeddleError(
      'native_library_mismatch',
      `The CPU backend in ${files.directory} has no ${name}; use the @node-llama-cpp packages.`,
    );
  }
  return koffi.decode(address, type);
}
