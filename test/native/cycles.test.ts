import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { silentLogger } from '../../src/core/logger.js';
import { createProcessEngine, createThreadEngine } from '../../src/engine/create-engine.js';
import { readMemory } from '../../src/native/memory-reading.js';
import { EnginePool } from '../../src/pool/engine-pool.js';
import { ModelCatalogue } from '../../src/pool/model-catalogue.js';
import { defaultModelSettings } from '../../src/pool/pool-settings.js';
import { writeFixture } from '../../src/testing/gguf/fixtures.js';
import { collect, makeRequest } from '../../src/testing/requests.js';
import { fixtureFolder } from './fixture-folder.js';

const cycles = 100;
const streams = 4;
const mebibyte = 1024 * 1024;

/** Collects what JavaScript holds no more, so that readings of memory tell of engines. */
setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

function anonymousBytes(): number {
  collectGarbage();
  return readMemory().anonymousBytes ?? 0;
}

let folder: string;
let caches: string;
let ids: string[];

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'heddle-cycles-'));
  caches = mkdtempSync(join(tmpdir(), 'heddle-prompts-'));
  ids = (['llama', 'qwen3moe', 'falcon-h1'] as const).map((name) => {
    const path = writeFixture(name, fixtureFolder);
    cpSync(path, join(folder, basename(path)));
    return basename(path, '.gguf');
  });
});

afterAll(() => {
  for (const each of [folder, caches]) rmSync(each, { recursive: true });
});

/** What this process holds of the system; undefined where that can not be read. */
function holdings(): { threads: number; descriptors: number; children: number } | undefined {
  if (process.platform !== 'linux') return undefined;
  const children = readdirSync('/proc/self/task').flatMap((task) => childrenOf(task));
  return {
    threads: readdirSync('/proc/self/task').length,
    descriptors: readdirSync('/proc/self/fd').length,
    children: children.length,
  };
}

function childrenOf(task: string): string[] {
  return readFileSync(`/proc/self/task/${task}/children`, 'utf8').split(' ').filter(Boolean);
}

describe.each([
  ['threads', createThreadEngine],
  ['processes', createProcessEngine],
] as const)('engines in %s', (_, createEngine) => {
  it(`can be loaded, used by ${streams} streams and unloaded ${cycles} times, keep their prompts, and leave nothing else behind`, async () => {
    const pool = new EnginePool({
      catalogue: new ModelCatalogue([folder], silentLogger),
      settings: {
        threads: 1,
        defaults: { ...defaultModelSettings, contextSize: 1024, slots: streams, batchSize: 256 },
        cache: { directory: mkdtempSync(join(caches, 'cycles-')), bytes: 256 * mebibyte },
      },
      createEngine: ({ id }) => createEngine(id),
      observer: { changed() {}, progress() {}, lost() {}, settled() {} },
    });
    const texts = new Map<string, string>();
    const restored = { first: 0, later: 0 };
    let mostBlocks = 0;
    let settledMemory = 0;
    let before: ReturnType<typeof holdings>;
    for (let cycle = 0; cycle < cycles; cycle++) {
      const id = ids[cycle % ids.length] ?? '';
      const lease = await pool.lease(id);
      const generations = Array.from({ length: streams }, (_unused, index) =>
        lease.engine.generate(
          makeRequest({ prompt: `Prompt number ${index}. `.repeat(12), stop: { maxTokens: 8 } }),
        ),
      );
      lease.release();
      const all = await Promise.all(generations.map(async (generation) => collect(generation)));
      const text = JSON.stringify(all.map((one) => one.texts));
      expect(texts.get(id) ?? text).toBe(text);
      texts.set(id, text);
      const { host, moved } = await lease.engine.promptCache('stats');
      restored[cycle < ids.length ? 'first' : 'later'] += moved?.restoredTokens ?? 0;
      mostBlocks = Math.max(mostBlocks, host?.blocks ?? 0);
      await pool.unload(id, 0);
      expect(pool.stateOf(id)).toBe('unloaded');
      if (cycle === 9) {
        settledMemory = anonymousBytes();
        before = holdings();
      }
    }
    expect(mostBlocks).toBeGreaterThanOrEqual(streams);
    expect(restored.first).toBe(0);
    expect(restored.later).toBeGreaterThanOrEqual(64 * streams * (cycles - ids.length));
    const after = holdings();
    expect(after?.children).toBe(before?.children);
    expect(after?.threads ?? 0).toBeLessThanOrEqual(before?.threads ?? 0);
    expect(after?.descriptors ?? 0).toBeLessThanOrEqual(before?.descriptors ?? 0);
    const grown = anonymousBytes() - settledMemory;
    expect(grown).toBeLessThan(Math.max(16 * mebibyte, settledMemory * 0.05));
  });
});
