import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { HeddleError } from '../core/errors.js';
import { findLibrary, packageVersion, platformPackages } from './library-path.js';

const folders: string[] = [];

/** A folder with empty files of these names. */
function folderWith(...names: string[]): string {
  const folder = mkdtempSync(join(tmpdir(), 'heddle-library-'));
  folders.push(folder);
  for (const name of names) writeFileSync(join(folder, name), '');
  return folder;
}

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

function failure(override?: string): HeddleError {
  try {
    findLibrary(override);
  } catch (error) {
    if (error instanceof HeddleError) return error;
    throw error;
  }
  throw new Error('a library was found');
}

/** Runs `body` as if on another machine. */
function on(platform: string, architecture: string, body: () => void): void {
  const here = [process.platform, process.arch] as const;
  const pretend = (name: string, value: string): void => {
    Object.defineProperty(process, name, { value, configurable: true });
  };
  pretend('platform', platform);
  pretend('arch', architecture);
  try {
    body();
  } finally {
    pretend('platform', here[0]);
    pretend('arch', here[1]);
  }
}

describe('the library of the platform', () => {
  test('is found in the installed package', () => {
    const { directory, ggmlBase, ggml, llama } = findLibrary('');
    expect(directory).toContain('@node-llama-cpp');
    expect([ggmlBase, ggml, llama].every((file) => file.startsWith(directory))).toBe(true);
    expect(new Set([ggmlBase, ggml, llama]).size).toBe(3);
    expect(ggmlBase).toContain('ggml-base');
    expect(llama).toContain('llama');
  });

  test('that is not installed is named in the error, with the version to install', () => {
    on('win32', 'arm64', () => {
      const { code, message } = failure('');
      expect(code).toBe('native_library_missing');
      expect(message).toContain(`npm install @node-llama-cpp/win-arm64@${packageVersion}`);
      expect(message).toContain('HEDDLE_LLAMA_LIB');
    });
  });

  test('that does not exist is said not to exist', () => {
    on('aix', 'ppc64', () => {
      const { code, message } = failure('');
      expect(code).toBe('native_library_missing');
      expect(message).toContain('aix-ppc64');
      expect(message).toContain('HEDDLE_LLAMA_LIB');
    });
  });
});

describe('an override', () => {
  test.each([
    ['Linux', 'libggml-base.so', 'libggml.v0.4.0.so', 'libllama.v0.4.0.so'],
    ['macOS', 'libggml-base.dylib', 'libggml.metal.v0.4.0.dylib', 'libllama.metal.v0.4.0.dylib'],
    ['Windows', 'ggml-base.dll', 'ggml.dll', 'llama.dll'],
  ])('may be a folder with libraries as %s names them', (_, ggmlBase, ggml, llama) => {
    const directory = folderWith(ggmlBase, ggml, llama, 'libggml-cpu-haswell.so', 'README.md');
    expect(findLibrary(directory)).toEqual({
      directory,
      ggmlBase: join(directory, ggmlBase),
      ggml: join(directory, ggml),
      llama: join(directory, llama),
    });
  });

  test('may be the llama library in such a folder', () => {
    const directory = folderWith('libggml-base.so', 'libggml.so', 'libllama.so');
    expect(findLibrary(join(directory, 'libllama.so')).directory).toBe(directory);
  });

  test('may be the name of an installed package', () => {
    const installed = platformPackages(process.platform, process.arch).at(-1) ?? '';
    expect(findLibrary(installed).directory).toContain(installed.split('/')[1]);
  });

  test.each(['/no/such/folder', '@node-llama-cpp/no-such-package'])(
    'that is not there, %s, is an error that shows it',
    (override) => {
      const { code, message } = failure(override);
      expect(code).toBe('native_library_missing');
      expect(message).toContain(`"${override}"`);
    },
  );

  test('to a folder that lacks one of the three libraries is an error', () => {
    expect(failure(folderWith('libggml.so', 'libllama.so')).code).toBe('native_library_missing');
  });
});

describe('the packages', () => {
  const { optionalDependencies } = JSON.parse(readFileSync('package.json', 'utf8')) as {
    optionalDependencies: Record<string, string>;
  };

  test.each(Object.entries(optionalDependencies))('%s is pinned to the one release', (_, version) => {
    expect(version).toBe(packageVersion);
  });

  test('of every platform are optional dependencies, and a GPU build that is there goes first', () => {
    const platforms = ['linux-x64', 'linux-arm64', 'darwin-arm64', 'darwin-x64', 'win32-x64', 'win32-arm64'];
    for (const platform of platforms) {
      const [name = '', architecture = ''] = platform.split('-');
      const packages = platformPackages(name, architecture);
      expect(Object.keys(optionalDependencies)).toContain(packages.at(-1));
    }
    expect(platformPackages('linux', 'x64')[0]).toBe('@node-llama-cpp/linux-x64-cuda');
    expect(platformPackages('plan9', 'x64')).toEqual([]);
  });
});
