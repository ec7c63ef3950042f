import { execFile } from 'node:child_process';
import { cp, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const run = promisify(execFile);
const project = process.cwd();
let copy: string;

/** Plants a file in a copy of the project, runs the structure check there, and says which rules it breaks. */
async function rulesBrokenBy(file: string, source: string): Promise<string[]> {
  const path = join(copy, file);
  await writeFile(path, source);
  try {
    return await brokenRules();
  } finally {
    await rm(path);
  }
}

async function brokenRules(): Promise<string[]> {
  const cli = join(project, 'node_modules', 'dependency-cruiser', 'bin', 'dependency-cruise.mjs');
  const args = [cli, '--config', '.dependency-cruiser.cjs', '--output-type', 'json', 'src'];
  const { stdout } = await run(process.execPath, args, { cwd: copy, maxBuffer: 64 * 1024 * 1024 }).catch(
    (error: { stdout: string }) => error,
  );
  const { summary } = JSON.parse(stdout) as { summary: { violations: { rule: { name: string } }[] } };
  return [...new Set(summary.violations.map(({ rule }) => rule.name))];
}

describe('the structure check', () => {
  beforeAll(async () => {
    copy = await mkdtemp(join(tmpdir(), 'heddle-structure-'));
    for (const name of ['src', 'package.json', 'tsconfig.json', '.dependency-cruiser.cjs']) {
      await cp(join(project, name), join(copy, name), { recursive: true });
    }
    await symlink(join(project, 'node_modules'), join(copy, 'node_modules'), 'junction');
  });

  afterAll(async () => rm(copy, { recursive: true, force: true }));

  it('passes on the project as it is', async () => {
    expect(await brokenRules()).toEqual([]);
  });

  it('fails when koffi is imported outside src/native', async () => {
    const rules = await rulesBrokenBy(
      'src/engine/planted.ts',
      `import koffi from 'koffi';\nexport default koffi;\n`,
    );
    expect(rules).toContain('ffi-only-in-native');
  });

  it('fails when a native package is imported outside src/native', async () => {
    const source = `import { getBinsDir } from '@node-llama-cpp/linux-x64';\nexport default getBinsDir;\n`;
    expect(await rulesBrokenBy('src/pool/planted.ts', source)).toContain('ffi-only-in-native');
  });

  it('fails when http imports the scheduler, as a type only too', async () => {
    const source = `import type { Scheduler } from '../scheduler/scheduler.js';\nexport type Planted = Scheduler;\n`;
    expect(await rulesBrokenBy('src/http/planted.ts', source)).toContain('http-imports');
  });

  it('fails when metrics reach back to http', async () => {
    const source = `import type { RouteContext } from '../http/route-context.js';\nexport type Planted = RouteContext;\n`;
    expect(await rulesBrokenBy('src/metrics/planted.ts', source)).toContain('metrics-imports');
  });

  it('fails when the gateway reaches native code', async () => {
    const source = `export { openRunner } from '../native/llama-runner.js';\n`;
    const rules = await rulesBrokenBy('src/engine/planted.ts', source);
    expect(rules).toEqual(expect.arrayContaining(['engine-imports', 'gateway-never-reaches-native']));
  });

  it('fails when the scheduler does I/O', async () => {
    const source = `import { readFileSync } from 'node:fs';\nexport default readFileSync;\n`;
    expect(await rulesBrokenBy('src/scheduler/planted.ts', source)).toContain('scheduler-is-pure');
  });

  it('fails on an import cycle', async () => {
    const source = `import type { Batch } from './batch.js';\nexport * from './planted.js';\nexport type Planted = Batch;\n`;
    expect(await rulesBrokenBy('src/core/planted.ts', source)).toContain('no-cycles');
  });
});
