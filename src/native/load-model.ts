import koffi from 'koffi';
import { HeddleError } from '../core/errors.js';
import type { LlamaLibrary } from './llama-library.js';
import { llama_progress_callback } from './llama-structs.js';
import { explainLoadFailure } from './load-failure.js';
import { NativeHandle } from './native-handle.js';

/**
 * Loads the weights of a GGUF file; of a split model, the file named is the first one.
 * @param onProgress fraction done, 0 to 1, called on this thread while it loads; false cancels
 * @throws HeddleError `load_cancelled` or one of the `model_...` codes, saying what is wrong with the file
 */
export async function loadModel(
  library: LlamaLibrary,
  path: string,
  onProgress: (fraction: number) => boolean,
): Promise<NativeHandle> {
  const { bindings } = library;
  let cancelled = false;
  const callback = koffi.register((fraction: number) => {
    cancelled ||= !onProgress(fraction);
    return !cancelled;
  }, koffi.pointer(llama_progress_callback));
  let model: bigint | null;
  try {
    model = bindings.llama_model_load_from_file(path, {
      ...bindings.llama_model_default_params(),
      progress_callback: callback,
    });
  } finally {
    koffi.unregister(callback);
  }
  if (model !== null)
    return new NativeHandle('model', model, (address) => bindings.llama_model_free(address));
  if (cancelled) throw new HeddleError('load_cancelled', `Loading ${path} was cancelled.`);
  throw await explainLoadFailure(path, library);
}
