import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, describe, expect, test } from 'vitest';
import { TemporaryFolder } from '../testing/blocks.js';
import { fakeModel, until } from '../testing/engine-conformance.js';
import { cachedTokensOf, collect, makeRequest } from '../testing/requests.js';
import { DiskTier } from '../prefix-cache/disk-tier.js';
import { Engine } from './engine.js';
import { ProcessTransport } from './process-transport.js';
import { ThreadTransport } from './thread-transport.js';
import type { EngineTransport } from './transport.js';

const runnerModule = pathToFileURL(resolve('dist/testing/fake-runner.js')).href;
const engines: Engine[] = [];

afterEach(async () => {
  for (const engine of engines.splice(0)) await engine.close();
});

/** A model with a disk cache, both in a folder. */
async function open(
  folder: string,
  transport: EngineTransport = new ThreadTransport({ name: 'test', runnerModule }),
): Promise<Engine> {
  const modelPath = join(folder, 'model');
  writeFileSync(modelPath, 'fake:\n');
  const engine = new Engine(transport);
  engines.push(engine);
  const disk = { directory: join(folder, 'cache'), bytes: 2 ** 26, queueBytes: 2 ** 22 };
  await engine.load(fakeModel(modelPath, { promptCache: { hostBytes: 2 ** 16, disk } }));
  return engine;
}

const ask = (seed: number) =>
  makeRequest({ prompt: `${seed} ${'a prompt of many words, over and over, '.repeat(9)}` });

/** Every file of the cache is what it says it is. @returns how many there are */
function verify(directory: string): number {
  let files = 0;
  for (const fingerprint of readdirSync(join(directory, 'v1/blocks'))) {
    const tier = new DiskTier({ directory, fingerprint, limit: 2 ** 26 });
    const steps = tier.verify();
    let step = steps.next();
    while (step.done !== true) step = steps.next();
    expect(step.value.bad).toBe(0);
    files += step.value.files;
    tier.close();
  }
  return files;
}

function filesIn(directory: string): number {
  if (!existsSync(directory)) return 0;
  return readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
    .length;
}

describe('an engine with a disk cache', { timeout: 60_000 }, () => {
  test('in a thread ends by itself, with its disk thread, and the next one finds what it kept', async () => {
    using folder = new TemporaryFolder();
    const threads = (): number => (process.platform === 'linux' ? readdirSync('/proc/self/task').length : 0);
    const first = await open(folder.path);
    const { texts } = await collect(first.generate(ask(1)));
    await first.close();
    await first.exited;
    const before = threads();
    for (let life = 0; life < 5; life++) {
      const next = await open(folder.path);
      expect(await cachedTokensOf(next.generate(ask(1)))).toBeGreaterThanOrEqual(320);
      expect((await collect(next.generate(ask(1)))).texts).toEqual(texts);
      await next.close();
      await next.exited;
      expect(next.loss?.code).not.toBe('engine_crashed');
    }
    await until(() => threads() <= before + 1); // the operating system takes its threads back
    expect(verify(join(folder.path, 'cache'))).toBeGreaterThan(4);
  });

  test('whose process is killed while it writes leaves files that are whole, and are of use', async () => {
    using folder = new TemporaryFolder();
    const process = await open(folder.path, new ProcessTransport({ name: 'test', runnerModule }));
    const answers = await Promise.all([1, 2, 3, 4].map(async (seed) => collect(process.generate(ask(seed)))));
    const others = Array.from({ length: 40 }, async (_, n) =>
      collect(process.generate(ask(10 + n))).catch((error: unknown) => error),
    );
    await others[3];
    const cache = join(folder.path, 'cache');
    await until(() => filesIn(cache) > 8); // whatever the machine does beside: it is killed in the middle
    globalThis.process.kill(process.processId ?? 0, 'SIGKILL');
    await process.exited;
    const outcomes = await Promise.all(others);
    expect(outcomes.length).toBe(40);
    expect(process.loss?.code).toBe('engine_crashed');
    expect(verify(cache)).toBeGreaterThan(4);

    const next = await open(folder.path);
    let cached = 0;
    for (const seed of [1, 2, 3, 4]) {
      cached += await cachedTokensOf(next.generate(ask(seed)));
      expect((await collect(next.generate(ask(seed)))).texts).toEqual(answers[seed - 1]?.texts);
    }
    expect(cached).toBeGreaterThan(0);
    await next.close(); // it writes to the folder
    await next.exited;
  });
});
