import { copyFileSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { TemporaryFolder } from '../testing/blocks.js';
import { CachedEngine } from '../testing/cached-engine.js';
import { PlainAnswers } from '../testing/plain-answers.js';
import { Random } from '../testing/random.js';
import { makeRequest } from '../testing/requests.js';

const long = (seed: number, length: number): string =>
  Array.from({ length }, (_, at) => String.fromCharCode(97 + ((seed * 7 + at * at) % 26))).join('');

/** All files of blocks below a directory. */
function blocksIn(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.kv'))
    .map((entry) => join(entry.parentPath, entry.name))
    .toSorted();
}

/** What becomes of files while nobody looks. */
const damages: Readonly<Record<string, (files: readonly string[], random: Random) => void>> = {
  'flipped bits': (files, random) => {
    for (const file of files) {
      const bytes = readFileSync(file);
      const at = random.below(bytes.length);
      bytes.writeUInt8(bytes.readUInt8(at) ^ (1 << random.below(8)), at);
      writeFileSync(file, bytes);
    }
  },
  'truncated files': (files, random) => {
    for (const file of files) truncateSync(file, random.below(readFileSync(file).length));
  },
  'empty files': (files) => {
    for (const file of files) truncateSync(file, 0);
  },
  'files that were removed': (files) => {
    for (const [at, file] of files.entries()) if (at % 2 === 0) rmSync(file);
  },
  'blocks under the names of others': (files) => {
    const [first = ''] = files;
    for (const file of files.slice(1)) copyFileSync(first, file);
  },
  'foreign files': (files) => {
    for (const file of files) writeFileSync(file, 'dear diary '.repeat(100));
  },
};

describe.each([
  ['cells', 'fake:'],
  ['cells and a state', 'fake:?canCut=false'],
  ['a state', 'fake:?canCut=false&memory=state'],
] as const)('a disk under an engine whose memory is %s', (_, modelPath) => {
  const answers = new PlainAnswers(modelPath);
  const requests = (turn: string) =>
    [1, 2, 3, 4].map((seed) =>
      makeRequest({ prompt: `${long(seed, 200)}${turn}`, sampling: { temperature: 1, seed } }),
    );
  const open = (directory: string): CachedEngine =>
    // So little RAM that what is asked for comes from the disk.
    new CachedEngine({ modelPath, directory, slots: 2, residentSlots: 0, hostBytes: 600 });
  const say = async (engine: CachedEngine, turn: string): Promise<number> => {
    let cached = 0;
    for (const request of requests(turn)) {
      const { texts, cachedTokens } = await engine.answer(request);
      expect(texts).toEqual(answers.to(request));
      cached += cachedTokens;
    }
    return cached;
  };

  test('that is well keeps prompts beyond a restart', async () => {
    using folder = new TemporaryFolder();
    const directory = join(folder.path, 'good-0');
    const first = open(directory);
    await say(first, '');
    await first.close();
    const second = open(directory);
    expect(await say(second, ' and on')).toBeGreaterThanOrEqual(4 * 192);
    expect((await second.store.stats()).disk?.tier).toMatchObject({ faults: {}, errors: {}, badFiles: 0 });
    await second.close();
  });

  test.each(Object.keys(damages))('with %s never leads to a wrong token, and is set right', async (kind) => {
    using folder = new TemporaryFolder();
    const directory = join(folder.path, 'good-0');
    const first = open(directory);
    await say(first, '');
    await first.close();
    const files = blocksIn(directory);
    expect(files.length).toBeGreaterThan(3);
    damages[kind]?.(files, new Random(11));

    const second = open(directory);
    expect(await say(second, ' and on')).toBeLessThan(4 * 192);
    await second.store.flush(5_000);
    const tier = (await second.store.stats()).disk?.tier;
    const { faults = {}, badFiles = 0 } = tier ?? {};
    const bad = Object.values(faults).reduce((sum, count) => sum + count, 0);
    expect([bad > 0, badFiles > 0]).toEqual(Array(2).fill(kind !== 'files that were removed'));
    expect(tier?.errors).toEqual({});
    // What is bad behind something bad was never read.
    const { files: left = 0 } = (await second.store.verify()) ?? {};
    expect(left).toBeGreaterThan(0);
    expect(await second.store.verify()).toMatchObject({ bad: 0 });
    await second.close();

    // What was set aside is computed again, and kept again.
    const third = open(directory);
    await say(third, ' once more');
    await third.close();
    const fourth = open(directory);
    expect(await say(fourth, ' and again')).toBeGreaterThanOrEqual(4 * 192);
    await fourth.close();
  });

  test('whose directory goes away while it runs costs time only', async () => {
    using folder = new TemporaryFolder();
    const directory = join(folder.path, 'good-0');
    const engine = open(directory);
    await say(engine, '');
    await engine.store.flush(5_000);
    rmSync(directory, { recursive: true });
    await say(engine, ' and on');
    await say(engine, ' and on again');
    await engine.close();
    const { payloads } = await engine.store.stats();
    expect(payloads.held).toBe(0);
  });
});
