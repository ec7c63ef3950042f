import { describe, expect, test } from 'vitest';
import type { GenerateRequest, Token } from '../../src/core/generation.js';
import { writeFixture } from '../../src/testing/gguf/fixtures.js';
import { makeRequest } from '../../src/testing/requests.js';
import { fixtureFolder } from './fixture-folder.js';
import { UncachedComparison, type Turn } from './uncached-comparison.js';
import { WitnessedEngine, type Answer, type WitnessedOptions } from './witnessed-engine.js';

const system = `<|im_start|>system\n${'You answer briefly, and in whole sentences. You like looms. '.repeat(9)}<|im_end|>\n`;
const asked = (question: string): string =>
  `<|im_start|>user\n${question}<|im_end|>\n<|im_start|>assistant\n`;

const maxTokens = 80;

/** An engine on a fixture, which says what it has computed. */
class Conversations {
  readonly engine: WitnessedEngine;
  /** Rows of all steps. */
  rows = 0;

  private constructor(engine: WitnessedEngine) {
    this.engine = engine;
    const decode = engine.runner.decode.bind(engine.runner);
    engine.runner.decode = (batch) => {
      this.rows += batch.rows;
      return decode(batch);
    };
  }

  static async open(modelPath: string, options: Partial<WitnessedOptions> = {}): Promise<Conversations> {
    const room = { modelPath, contextSize: 2048, slots: 2, hostBlocks: 60, ...options };
    return new Conversations(await WitnessedEngine.open(room));
  }

  encode(text: string): Token[] {
    return this.engine.runner.tokenize(text, { addSpecial: false, parseSpecial: true });
  }

  /** Asks with a prompt of tokens, of which the first are the system prompt. */
  async ask(tokens: readonly Token[], systemLength: number, most = maxTokens): Promise<Answer> {
    const prompt = { kind: 'tokens' as const, tokens, boundaries: [systemLength, tokens.length] };
    const request: GenerateRequest = { ...makeRequest({ stop: { maxTokens: most } }), prompt };
    const answer = await this.engine.generate(request);
    this.engine.tidy();
    return answer;
  }
}

const block = (count: number): number => count - (count % 64);

describe.each(['falcon-h1', 'mamba2', 'gemma3'] as const)('conversations with %s', (name) => {
  const path = () => writeFixture(name, fixtureFolder);

  test('share a system prompt, and each turn goes on from the one before it', async () => {
    const talks = await Conversations.open(path());
    const plain = await WitnessedEngine.open({ modelPath: path(), contextSize: 2048, slots: 1 });
    const comparison = new UncachedComparison(plain, name);
    const turns: Turn[] = [];
    const head = talks.encode(system);
    const histories: Token[][] = [];
    const served: number[] = [];
    for (const [index, question] of ['What is a loom?', 'Who wove this?', 'What is 3 + 4?'].entries()) {
      const prompt = [...head, ...talks.encode(asked(question))];
      const answer = await talks.ask(prompt, head.length);
      expect(answer.cachedTokens).toBe(index === 0 ? 0 : block(head.length));
      turns.push({ prompt, sampling: {}, maxTokens, answer });
      histories.push([...prompt, ...answer.tokens]);
    }
    for (let turn = 2; turn <= 4; turn++) {
      for (const [index, history] of histories.entries()) {
        const prompt = [...history, ...talks.encode(`<|im_end|>\n${asked(`And ${index} in turn ${turn}?`)}`)];
        const answer = await talks.ask(prompt, head.length);
        served.push(answer.cachedTokens / history.length);
        // All of the turn before it, and its answer, but for less than a block and a token.
        expect(answer.cachedTokens).toBeGreaterThanOrEqual(history.length - 65);
        turns.push({ prompt, sampling: {}, maxTokens, answer });
        histories[index] = [...prompt, ...answer.tokens];
      }
    }
    expect(Math.min(...served)).toBeGreaterThan(0.85);
    expect((await comparison.checkAll(turns)).nearTies).toBeLessThanOrEqual(1);
    expect(talks.engine.cache?.counts.faults).toBe(0);
    expect(talks.engine.memory.snapshots).toBeGreaterThan(3);
    await talks.engine.close();
    await plain.close();
  });

  test.each([60, 0])(
    'that begin at once compute their system prompt once, with RAM for %i snapshots',
    async (hostBlocks) => {
      const talks = await Conversations.open(path(), { slots: 8, contextSize: 8192, hostBlocks });
      const plain = await WitnessedEngine.open({ modelPath: path(), contextSize: 2048, slots: 1 });
      const comparison = new UncachedComparison(plain, name);
      const head = talks.encode(system);
      const prompts = Array.from({ length: 8 }, (_, who) => [
        ...head,
        ...talks.encode(asked(`I am ${who}. Who are you?`)),
      ]);
      const answers = await Promise.all(prompts.map(async (prompt) => talks.ask(prompt, head.length, 4)));
      const computed = prompts.reduce(
        (sum, { length }) => sum + length - block(head.length),
        block(head.length),
      );
      // Each answer has a row for each token but its last.
      expect(talks.rows).toBeLessThanOrEqual(computed + 8 * 3);
      expect(answers.filter(({ cachedTokens }) => cachedTokens >= block(head.length))).toHaveLength(7);
      const turns = answers.map((answer, index) => ({
        prompt: prompts[index] ?? [],
        sampling: {},
        maxTokens: 4,
        answer,
      }));
      const { nearTies } = await comparison.checkAll(turns);
      expect(nearTies).toBeLessThanOrEqual(1);
      await talks.engine.close();
      await plain.close();
    },
  );

  test('that begin at once all end with what they say alone, with two slots', async () => {
    const talks = await Conversations.open(path());
    const plain = await WitnessedEngine.open({ modelPath: path(), contextSize: 2048, slots: 1 });
    const comparison = new UncachedComparison(plain, name);
    const head = talks.encode(system);
    const prompts = Array.from({ length: 8 }, (_, who) => [
      ...head,
      ...talks.encode(asked(`I am ${who}. Who are you?`)),
    ]);
    const answers = await Promise.all(prompts.map(async (prompt) => talks.ask(prompt, head.length, 8)));
    expect(answers.filter(({ cachedTokens }) => cachedTokens >= block(head.length))).toHaveLength(7);
    const turns = answers.map((answer, index) => ({
      prompt: prompts[index] ?? [],
      sampling: {},
      maxTokens: 8,
      answer,
    }));
    const { nearTies } = await comparison.checkAll(turns);
    expect(nearTies).toBeLessThanOrEqual(1);
    await talks.engine.close();
    await plain.close();
  });
});
