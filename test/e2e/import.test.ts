import { execFile } from 'node:child_process';
import { writeFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const run = promisify(execFile);
const urlOf = (...path: string[]): string => pathToFileURL(join(process.cwd(), ...path)).href;

interface Holdings {
  readonly resources: readonly string[];
  readonly threads: number;
  readonly children: string;
  readonly descriptors: number;
  readonly listeners: readonly string[];
  readonly libraries: readonly string[];
}

/** Imports modules in a process of their own, which has to end by itself. */
async function probe(...modules: string[]): Promise<{ before: Holdings; after: Holdings }> {
  const { stdout } = await run(process.execPath, [join('test', 'e2e', 'import-probe.mjs'), ...modules]);
  return JSON.parse(stdout.split('\n')[1] ?? '') as { before: Holdings; after: Holdings };
}

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'heddle-import-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('to import', () => {
  it.each([
    ['the package', 'index.js'],
    ['the native runner', 'native', 'llama-runner.js'],
    ['the command line’s server', 'cli', 'serve.js'],
  ])('%s starts no thread, process, timer or handle, and opens no library', async (_, ...path) => {
    const { before, after } = await probe(urlOf('dist', ...path));
    expect(after).toEqual(before);
    expect(after.libraries).toEqual([]);
  });

  // The probe is no proof if it can not see what the package could have done.
  const worker = `new Worker('setTimeout(() => {}, 300)', { eval: true });`;
  const visible = [
    ['a timer', `setTimeout(() => {}, 1);`, 'resources'],
    ['a process', `import { spawn } from 'node:child_process'; spawn('sleep', ['0.1']);`, 'resources'],
    ['a listener', `process.once('exit', () => {});`, 'listeners'],
    ['a thread', `import { Worker } from 'node:worker_threads'; ${worker}`, 'threads'],
    ['a file', `import { openSync } from 'node:fs'; openSync('package.json');`, 'descriptors'],
  ] as const;
  it.each(process.platform === 'linux' ? visible : visible.slice(0, 3))(
    '%s would be seen',
    async (name, source, where) => {
      const path = join(folder, `${name.replaceAll(' ', '-')}.mjs`);
      writeFileSync(path, source);
      const { before, after } = await probe(pathToFileURL(path).href);
      expect(after[where]).not.toEqual(before[where]);
    },
  );
});
