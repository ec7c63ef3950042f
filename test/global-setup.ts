import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync, utimesSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const buildInfo = join(root, 'dist', '.tsbuildinfo');

/** Compiles src/ to dist/ when a source file is newer than the last build. Tests start engine threads from there. */
export default function setup(): void {
  if (existsSync(buildInfo) && statSync(buildInfo).mtimeMs >= newestSource()) return;
  const started = new Date();
  const compiler = createRequire(import.meta.url).resolve('typescript/bin/tsc');
  const { status, stdout, stderr } = spawnSync(process.execPath, [compiler, '-p', 'tsconfig.build.json'], {
    cwd: root,
    encoding: 'utf8',
  });
  if (!existsSync(buildInfo)) throw new Error(`src/ could not be compiled:\n${stdout}${stderr}`);
  // Type errors do not keep the compiler from writing JavaScript: they are the type check's business.
  if (status === 0) utimesSync(buildInfo, started, started);
  else process.stderr.write(`Compiled src/ with type errors:\n${stdout}${stderr}\n`);
}

function newestSource(): number {
  const entries = readdirSync(join(root, 'src'), { recursive: true, withFileTypes: true });
  const sources = entries.filter((entry) => entry.isFile() && !entry.name.endsWith('.test.ts'));
  return Math.max(...sources.map((entry) => statSync(join(entry.parentPath, entry.name)).mtimeMs));
}
