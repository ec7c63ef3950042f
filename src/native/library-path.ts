import { existsSync, readdirSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { HeddleError } from '../core/errors.js';

/** The files of one llama.cpp build, in the order in which they must be loaded. */
export interface LibraryFiles {
  /** The folder that also holds the compute backends. */
  readonly directory: string;
  readonly ggmlBase: string;
  readonly ggml: string;
  readonly llama: string;
}

/** The pinned release of the prebuilt packages; package.json names the same one. */
export const packageVersion = '3.21.1';

/**
 * The prebuilt packages that fit a platform, the one to prefer first. GPU builds are not installed by default: one
 * that is there was installed on purpose, so it goes first.
 */
export function platformPackages(platform: string, architecture: string): readonly string[] {
  const names = packagesByPlatform[`${platform}-${architecture}`] ?? [];
  return names.map((name) => `@node-llama-cpp/${name}`);
}

const packagesByPlatform: Readonly<Record<string, readonly string[]>> = {
  'linux-x64': ['linux-x64-cuda', 'linux-x64-vulkan', 'linux-x64'],
  'linux-arm64': ['linux-arm64'],
  'darwin-arm64': ['mac-arm64-metal'],
  'darwin-x64': ['mac-x64'],
  'win32-x64': ['win-x64-cuda', 'win-x64-vulkan', 'win-x64'],
  'win32-arm64': ['win-arm64'],
};

/**
 * Finds the llama.cpp build to load.
 * @param override value of `HEDDLE_LLAMA_LIB`: a folder, a path of the llama library in it, or the name of an
 *   installed `@node-llama-cpp/...` package; undefined or empty takes the package that fits the platform
 * @throws HeddleError `native_library_missing`, naming what to install
 */
export function findLibrary(override: string | undefined = process.env['HEDDLE_LLAMA_LIB']): LibraryFiles {
  if (override !== undefined && override !== '') return findOverride(override);

  const candidates = platformPackages(process.platform, process.arch);
  for (const name of candidates) {
    const directory = packageBinaries(name);
    const files = directory === undefined ? undefined : libraryFilesIn(directory);
    if (files !== undefined) return files;
  }
  const plain = candidates.at(-1);
  throw new HeddleError(
    'native_library_missing',
    plain === undefined
      ? `There is no prebuilt llama.cpp for ${process.platform}-${process.arch}. Build llama.cpp's shared libraries and point HEDDLE_LLAMA_LIB at their folder.`
      : `No llama.cpp library is installed for ${process.platform}-${process.arch}. Run "npm install ${plain}@${packageVersion}", or point HEDDLE_LLAMA_LIB at a folder with llama.cpp's shared libraries.`,
  );
}

function findOverride(override: string): LibraryFiles {
  const directory = override.startsWith('@') ? packageBinaries(override) : folderOf(override);
  const files = directory === undefined ? undefined : libraryFilesIn(directory);
  if (files !== undefined) return files;
  throw new HeddleError(
    'native_library_missing',
    `HEDDLE_LLAMA_LIB is "${override}", but no llama, ggml and ggml-base libraries were found there. It must be a folder with all three, the llama library in such a folder, or the name of an installed @node-llama-cpp package.`,
  );
}

function folderOf(path: string): string | undefined {
  if (!existsSync(path)) return undefined;
  return statSync(path).isDirectory() ? path : dirname(path);
}

/** `bins/<platform>` of an installed prebuilt package, or undefined when it is not installed. */
function packageBinaries(name: string): string | undefined {
  let entry: string;
  try {
    entry = createRequire(import.meta.url).resolve(name);
  } catch {
    return undefined; // not installed: the caller says what to do
  }
  const bins = join(dirname(dirname(entry)), 'bins');
  const folder = existsSync(bins) ? readdirSync(bins)[0] : undefined;
  return folder === undefined ? undefined : join(bins, folder);
}

/** Library names carry a variant and a version, as in `libllama.metal.v0.4.0.dylib`. */
function libraryFilesIn(directory: string): LibraryFiles | undefined {
  const names = readdirSync(directory);
  const find = (stem: string): string | undefined => {
    const name = names.find((n) => new RegExp(`^(lib)?${stem}(\\.[\\w.]+)?\\.(so|dylib|dll)$`).test(n));
    return name === undefined ? undefined : join(directory, name);
  };
  const [ggmlBase, ggml, llama] = [find('ggml-base'), find('ggml'), find('llama')];
  if (ggmlBase === undefined || ggml === undefined || llama === undefined) return undefined;
  return { directory, ggmlBase, ggml, llama };
}
