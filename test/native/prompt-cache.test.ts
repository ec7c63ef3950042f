import assert from 'node:assert/strict';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { Token } from '../../src/core/generation.js';
import type { CachedTokens } from '../../src/engine/block-cache.js';
import { TemporaryFolder } from '../../src/testing/blocks.js';
import { fixtureNames, writeFixture } from '../../src/testing/gguf/fixtures.js';
import { Random } from '../../src/testing/random.js';
import { fixtureFolder, starterModel } from './fixture-folder.js';
import { UncachedComparison, type Turn } from './uncached-comparison.js';
import { WitnessedEngine } from './witnessed-engine.js';

/** Of each of seven models, half of them greedy: more than 200 without drafts, and as many with them. */
const usualConversations = 30;
const conversations = Number(process.env['HEDDLE_TEST_CONVERSATIONS'] ?? usualConversations);
assert.ok(Number.isInteger(conversations) && conversations >= 10, 'there are at least ten conversations');
vi.setConfig({ testTimeout: 120_000 * Math.ceil(conversations / usualConversations) });
const turns = 3;
const together = 6;
const contextSize = 640;

const questions = [
  'Hello!',
  'What is the capital of Japan?',
  'Which day comes after Friday?',
  'What sound does a cow make?',
  'Tell me a story about a loom and a very small thread.',
  'What is 47 + 38?',
  'Count from three to nine, please.',
  'What is the opposite of hot?',
];

const systems = [
  'You are heddle-starter. You answer briefly, and in whole sentences. You like looms and weaving. ',
  'The user asks about days, numbers, colours and capitals, one after the other. Be kind, be short. ',
];

/** One with an even seed is greedy, one with an odd seed is drawn. */
class Conversation {
  readonly #engine: WitnessedEngine;
  readonly #random: Random;
  readonly #seed: number;
  #history: readonly Token[];

  /** @param repeats of what the system says: how long the prompts are */
  constructor(engine: WitnessedEngine, seed: number, repeats: number) {
    this.#engine = engine;
    this.#random = new Random(seed);
    this.#seed = seed;
    this.#history = this.#encode(
      `<|im_start|>system\n${this.#random.pick(systems).repeat(repeats)}<|im_end|>\n`,
    );
  }

  async turn(): Promise<Turn> {
    const [engine, random, seed] = [this.#engine, this.#random, this.#seed];
    const question = `${random.pick(questions)} ${random.below(50)}`;
    const asked = this.#encode(`<|im_start|>user\n${question}<|im_end|>\n<|im_start|>assistant\n`);
    const prompt = [...this.#history, ...asked];
    const sampling = { temperature: seed % 2 === 0 ? 0 : 0.9, topK: 20, seed };
    const maxTokens = 4 + random.below(12);
    const answer = await engine.ask(prompt, { maxTokens, sampling });
    // Now and then what was said last is taken back, and something else is said.
    if (!random.chance(0.15)) this.#history = [...prompt, ...answer.tokens, ...this.#encode('<|im_end|>\n')];
    if (random.chance(0.3)) engine.tidy();
    return { prompt, sampling, maxTokens, answer };
  }

  #encode(text: string): Token[] {
    return this.#engine.runner.tokenize(text, { addSpecial: false, parseSpecial: true });
  }
}

/** Has conversations with an engine, more at once than it has slots. */
async function converse(engine: WitnessedEngine, seeds: readonly number[], repeats: number): Promise<Turn[]> {
  const said: Turn[] = [];
  const waiting = [...seeds];
  const session = async (): Promise<void> => {
    for (let seed = waiting.shift(); seed !== undefined; seed = waiting.shift()) {
      const conversation = new Conversation(engine, seed, repeats);
      for (let turn = 0; turn < turns; turn++) said.push(await conversation.turn());
    }
  };
  await Promise.all(Array.from({ length: together }, session));
  return said;
}

const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from }, (_, index) => from + index);

const models = [
  ['starter', () => starterModel] as const,
  ...fixtureNames.map((name) => [name, () => writeFixture(name, fixtureFolder)] as const),
];

/** Part of the answers that rounding may decide: more where a model's logits are rounded more. */
const mostTies: Readonly<Record<string, number>> = { starter: 0.125, gemma3: 0.05 };

describe.each(models)('the prompt cache of the %s model', (name, path) => {
  let comparison: UncachedComparison;

  beforeAll(async () => {
    const plain = await WitnessedEngine.open({ modelPath: path(), contextSize, slots: 1 });
    comparison = new UncachedComparison(plain, name);
  });
  afterAll(async () => comparison.close());

  test.each([
    ['', false],
    [', with drafts', true],
  ])('changes nothing that is said, whatever tier it is in, and after a restart%s', async (how, drafts) => {
    using folder = new TemporaryFolder();
    const room = {
      modelPath: path(),
      contextSize,
      slots: 3,
      residentSlots: 3,
      directory: folder.path,
      drafts,
    };
    const repeats = name === 'starter' ? 9 : 2;
    // In the first life RAM holds nearly all, in the second nearly nothing, and the disk the rest.
    const first = await WitnessedEngine.open({ ...room, hostBlocks: 60 });
    const half = Math.floor(conversations / 2);
    const early = await converse(first, range(0, half), repeats);
    const firstStats = await first.close();
    const second = await WitnessedEngine.open({ ...room, hostBlocks: 3 });
    const again = await converse(second, range(0, 4), repeats);
    const late = await converse(second, range(half, conversations), repeats);
    const secondStats = await second.close();

    const { answers, nearTies, reroutings } = await comparison.checkAll([...early, ...again, ...late]);
    expect(answers).toBe((conversations + 4) * turns);
    // Each of them was held to be a near tie; so many there may be by rounding.
    expect(nearTies).toBeLessThan(answers * (mostTies[name] ?? 0.01));
    if (conversations > usualConversations)
      process.stdout.write(
        `${name}${how}: ${answers} answers, ${nearTies} near ties, ${reroutings} reroutings\n`,
      );

    // All of it was met, many times.
    const { acceptedDraftTokens } = first.core.inspect();
    expect(acceptedDraftTokens > 0).toBe(drafts && first.runner.info.canCut);
    const cells = second.runner.info.memory === 'cells';
    const most = turns * half;
    const { length: reusing } = early.filter(({ answer }) => answer.cachedTokens >= 64);
    expect(reusing).toBeGreaterThan(most / 2);
    expect(first.memory.restores).toBeGreaterThan(9);
    expect(firstStats?.hostHits).toBeGreaterThan(9);
    expect(second.memory.restores).toBeGreaterThan(9);
    expect(secondStats?.diskHits).toBeGreaterThan(9);
    expect(secondStats?.host.evicted).toBeGreaterThan(9);
    expect(first.memory.takeOvers + second.memory.takeOvers).toBeGreaterThan(2);
    expect(first.memory.shares > 9 && first.memory.cuts > 9).toBe(cells);
    expect([first.cache?.counts.faults, second.cache?.counts.faults]).toEqual([0, 0]);
    // After the restart what was said before it is still there.
    expect(again.filter(({ answer }) => answer.cachedTokens >= 64).length).toBeGreaterThan(again.length / 2);
  });

  /*
   * One sequence at a time, so that its cells lie in order whether they were computed or put back, and one row a step: then
   * nothing is left that rounding could depend on.
   */
  test('changes no token and no bit of its probability, where every step is of the same shape', async () => {
    using folder = new TemporaryFolder();
    const room = { modelPath: path(), contextSize, slots: 1, stepRows: 1 };
    const cached = await WitnessedEngine.open({ ...room, hostBlocks: 6, directory: folder.path });
    const alternating = range(0, 6).map((seed) => new Conversation(cached, seed, 3));
    const said: Turn[] = [];
    // The next one begins before the one before it goes on, which is put back therefore.
    for (let turn = 0; turn < turns; turn++)
      for (const conversation of alternating) said.push(await conversation.turn());
    const stats = await cached.close();
    expect(said.length).toBe(6 * turns);
    expect(cached.memory.restores).toBeGreaterThan(5);
    expect(stats?.hostHits).toBeGreaterThan(5);
    expect(stats?.diskHits).toBeGreaterThan(0);

    const plain = await WitnessedEngine.open(room);
    for (const { prompt, sampling, maxTokens, answer } of said) {
      const { tokens, logProbabilities } = await plain.ask(prompt, { maxTokens, sampling, use: false });
      expect([answer.tokens, answer.logProbabilities]).toEqual([tokens, logProbabilities]);
    }
    await plain.close();
  });

  test('goes on bit by bit as the steps before it, from RAM and from the disk', async () => {
    using folder = new TemporaryFolder();
    const room = { modelPath: path(), contextSize: 512, slots: 2, directory: folder.path, hostBlocks: 20 };
    const random = new Random(3);
    const tokens = Array.from({ length: 201 }, () => 5 + random.below(200));
    const prompt = { scope: 'salt', tokens };
    const first = await WitnessedEngine.open(room);
    for (let from = 0; from < 192; from += 64) decode(first, 0, tokens.slice(from, from + 64));
    const content = { scope: 'salt', tokens: tokens.slice(0, 192) };
    if (first.runner.info.memory === 'cells') first.cache?.saveNow(0, content, Infinity);
    else first.cache?.saveSnapshot(0, content);
    const expected = decode(first, 0, tokens.slice(192));
    expect(expected.some((logit) => Number.isFinite(logit))).toBe(true);
    for (const lane of [0, 1]) {
      first.runner.removeCells(lane, 0, -1);
      expect(restore(first, lane, prompt)).toBe(192);
      expect(decode(first, lane, tokens.slice(192))).toEqual(expected);
    }
    await first.close();

    const second = await WitnessedEngine.open(room);
    expect(restore(second, 0, prompt)).toBe(0);
    const letGo = await second.cache?.fetch(prompt, 0);
    expect(restore(second, 0, prompt)).toBe(192);
    letGo?.();
    expect(decode(second, 0, tokens.slice(192))).toEqual(expected);
    expect((await second.close())?.diskHits).toBeGreaterThan(0);
  });
});

/** Computes tokens in one step. @returns the log-probability of every token after them */
function decode({ runner }: WitnessedEngine, slot: number, tokens: readonly Token[]): number[] {
  const start = runner.cellCount(slot);
  const spans = [{ sequenceId: slot, slot, start, tokens, output: true }];
  expect(runner.decode({ spans, rows: tokens.length })).toBe('ok');
  const row = tokens.length - 1;
  return Array.from({ length: runner.info.vocabularySize }, (_, id) => runner.logProbability(row, id));
}

/** Into an empty lane, which is never cut. @returns tokens in it */
function restore({ cache }: WitnessedEngine, lane: number, prompt: CachedTokens): number | undefined {
  const cut = (length: number): void => expect(length).toBe(0);
  return cache?.restore(lane, prompt, 0, { cut, milliseconds: Infinity, goingOn: false }).held;
}
