import { HeddleError } from '../core/errors.js';
import { cRuntime } from './c-runtime.js';
import { withLibraryLock } from './library-lock.js';
import { findLibrary, packageVersion, type LibraryFiles } from './library-path.js';
import { bindLlama, type LlamaBindings } from './llama-bindings.js';
import type { LlamaContextParams } from './llama-structs.js';

/** Releases of llama.cpp whose structs are laid out as in llama-structs.ts. */
const knownVersions = /^0\.[45]\./;

/** llama.cpp, loaded into this process, checked, and with its compute backends registered. */
export interface LlamaLibrary {
  readonly bindings: LlamaBindings;
  /** As the library itself reports it, such as `0.4.0-dev`. */
  readonly version: string;
  readonly files: LibraryFiles;
}

/**
 * Opens the library for the calling thread. The library itself is loaded and initialised once per process, whichever
 * thread comes first.
 * @param lock see {@link withLibraryLock}
 * @throws HeddleError `native_library_missing` or `native_library_mismatch`
 */
export function openLlamaLibrary(lock: Int32Array): LlamaLibrary {
  const files = findLibrary();
  return withLibraryLock(lock, () => {
    const bindings = bind(files);
    const version = bindings.llama_version();
    checkVersion(version, files);
    checkLayout(bindings.llama_context_default_params(), files);
    bindings.llama_log_set(wantsLog() ? null : cRuntime().nothing, null);
    if (bindings.ggml_backend_reg_count() === 0) {
      bindings.ggml_backend_load_all_from_path(files.directory);
      bindings.llama_backend_init();
    }
    if (bindings.ggml_backend_reg_by_name('CPU') === null) {
      throw mismatch(files, 'it has no CPU backend that runs on this processor');
    }
    return { bindings, version, files };
  });
}

/** The library's log goes to standard error, or nowhere: a JavaScript callback could be called by any native thread. */
function wantsLog(): boolean {
  return process.env['HEDDLE_NATIVE_LOG'] === 'stderr';
}

function bind(files: LibraryFiles): LlamaBindings {
  try {
    return bindLlama(files);
  } catch (error) {
    throw mismatch(files, `it could not be bound (${(error as Error).message})`, error);
  }
}

function checkVersion(version: string, files: LibraryFiles): void {
  if (knownVersions.test(version)) return;
  throw mismatch(files, `it is version ${version}`);
}

/**
 * The defaults a library of the described layout returns. A field moved by one place shows here, as a wrong number,
 * instead of later, as a crash.
 */
function checkLayout(params: LlamaContextParams, files: LibraryFiles): void {
  const expected: Partial<LlamaContextParams> = {
    n_ctx: 512,
    n_batch: 2048,
    n_ubatch: 512,
    n_seq_max: 1,
    n_threads: 4,
    flash_attn_type: -1,
    yarn_ext_factor: -1,
    type_k: 1,
    type_v: 1,
    n_samplers: 0,
  };
  for (const [field, value] of Object.entries(expected)) {
    if (Number(params[field]) !== value) {
      throw mismatch(files, `its default ${field} reads as ${String(params[field])}, not ${String(value)}`);
    }
  }
}

function mismatch(files: LibraryFiles, what: string, cause?: unknown): HeddleError {
  return new HeddleError(
    'native_library_mismatch',
    `The llama.cpp library ${files.llama} does not fit this release of heddle: ${what}. Use the @node-llama-cpp packages ${packageVersion}, or unset HEDDLE_LLAMA_LIB.`,
    { cause },
  );
}
