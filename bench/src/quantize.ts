import { existsSync, renameSync } from 'node:fs';
import koffi from 'koffi';
import type { LlamaLibrary } from '../../dist/native/llama-library.js';

/** `llama_model_quantize_params` of llama.h; what is not set here stays as the library's defaults have it. */
const params = koffi.struct('llama_model_quantize_params', {
  nthread: 'int32_t',
  ftype: 'int',
  output_tensor_type: 'int',
  token_embedding_type: 'int',
  allow_requantize: 'bool',
  quantize_output_tensor: 'bool',
  only_copy: 'bool',
  pure: 'bool',
  keep_split: 'bool',
  dry_run: 'bool',
  pointers: koffi.array('uint64_t', 4),
  max_buf_size: 'size_t',
});

/** llama_ftype: mostly Q4_0, which processors with vector instructions use in another order than the file has. */
const mostlyQ4 = 2;

/** Writes a model again with 4-bit weights, unless that was done before, and returns the new path. */
export function quantizeToQ4({ files }: LlamaLibrary, source: string, target: string): string {
  if (existsSync(target)) return target;
  const llama = koffi.load(files.llama);
  const defaults = llama.func('llama_model_quantize_default_params', params, []) as () => object;
  const quantize = llama.func('llama_model_quantize', 'uint32_t', [
    'const char *',
    'const char *',
    koffi.pointer(params),
  ]) as (source: string, target: string, settings: object) => number;
  const settings = { ...defaults(), ftype: mostlyQ4, allow_requantize: true, nthread: 1 };
  const status = quantize(source, `${target}.part`, settings);
  if (status !== 0) throw new Error(`quantising ${source} failed with ${status}`);
  renameSync(`${target}.part`, target);
  return target;
}
