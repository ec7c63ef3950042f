import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { HeddleError, type ErrorCode } from '../core/errors.js';
import type { Batch } from '../core/batch.js';
import type { SamplingParams, Token } from '../core/generation.js';
import type { ModelRunner, Sampler } from '../core/model-runner.js';
import type { TokenGuide } from '../core/token-guide.js';
import { greedySampling } from './requests.js';

/** The room a runner is opened with; see LoadOptions. */
export interface RunnerRoom {
  readonly contextSize: number;
  readonly slots: number;
  readonly residentSlots?: number;
  readonly batchSize: number;
}

export interface OpenedRunner {
  readonly runner: ModelRunner;
  /** What was given to `openRunner`: aborts a decode while its first byte is not zero. */
  readonly abortFlag: Uint8Array;
}

export interface RunnerTraits {
  /** The memory has a fixed state for each slot instead of cells, so that it never runs out of them. */
  readonly withoutCells?: boolean;
  /** How far logits may be apart that were computed in other batches; default 0.001. */
  readonly tolerance?: number;
}

const room: RunnerRoom = { contextSize: 512, slots: 4, batchSize: 256 };

const prompts = [
  'The quick brown fox jumps over the lazy dog.',
  'Once upon a time there was a small loom in a small house.',
  'One, two, three',
  'What is the capital of Japan? What is the opposite of hot?',
];

/**
 * What every model runner promises, as a suite: the engine is tested with the fake one, and this is why that counts.
 * @param open opens a runner with the room asked for; the suite disposes of it
 */
export function describeRunnerConformance(
  name: string,
  open: (room: RunnerRoom) => Promise<OpenedRunner>,
  traits: RunnerTraits = {},
): void {
  describe(`${name} is a model runner`, () => {
    let opened: OpenedRunner;
    let runner: ModelRunner;

    beforeAll(async () => {
      opened = await open(room);
      runner = opened.runner;
    });
    afterEach(() => {
      Atomics.store(opened.abortFlag, 0, 0);
      for (let slot = 0; slot < room.slots; slot++) runner.removeCells(slot, 0, -1);
    });
    afterAll(() => runner.dispose());

    const tokensOf = (text: string): Token[] =>
      runner.tokenize(text, { addSpecial: false, parseSpecial: false });
    const prompt = (index: number): Token[] => tokensOf(prompts[index % prompts.length] ?? '');

    describe('info', () => {
      test('says what the runner was opened with', () => {
        expect(runner.info).toMatchObject({ ...room, lanes: room.slots });
        expect(runner.info.vocabularySize).toBeGreaterThan(0);
        expect(runner.info.architecture).not.toBe('');
      });

      test('comes with a memory reading and a thread id', () => {
        expect(runner.memory().residentBytes).toBeGreaterThan(0);
        expect(runner.threadId()).toBe(runner.threadId());
      });
    });

    describe('tokens', () => {
      test.each(['plain words', 'two\nlines', 'naïve café', '日本語', '🧵🪡', ''])(
        'the bytes of the tokens of %j are its UTF-8 bytes',
        (text) => {
          const bytes = tokensOf(text).flatMap((token) => [...runner.tokenBytes(token)]);
          expect(new TextDecoder().decode(Uint8Array.from(bytes))).toBe(text);
          const written = tokensOf(text).map((token) => runner.writtenBytes(token));
          expect(written.reduce((sum, each) => sum + each, 0)).toBe(Buffer.byteLength(text));
        },
      );

      test('special tokens are added when asked for and have no bytes', () => {
        const plain = tokensOf('word');
        const special = runner.tokenize('word', { addSpecial: true, parseSpecial: false });
        expect(special).toHaveLength(plain.length + (runner.info.addsBos ? 1 : 0));
        const added = special.slice(0, special.length - plain.length);
        expect(added.flatMap((token) => [...runner.tokenBytes(token)])).toEqual([]);
      });

      test('control tokens are read from the text when asked for', () => {
        const { eosText } = runner.info;
        const control = runner.tokenize(eosText, { addSpecial: false, parseSpecial: true });
        expect(control).toHaveLength(1);
        expect(runner.endsGeneration(control[0] ?? -1)).toBe(true);
        expect(runner.tokenBytes(control[0] ?? -1)).toHaveLength(0);
        expect(runner.writtenBytes(control[0] ?? -1)).toBe(Buffer.byteLength(eosText));
        expect(runner.controlText(control[0] ?? -1)).toBe(eosText);
        const spelled = tokensOf(eosText);
        expect(spelled.map((token) => runner.controlText(token)).join('')).toBe('');
        expect(spelled.length).toBeGreaterThan(1);
        expect(spelled.some((token) => runner.endsGeneration(token))).toBe(false);
      });

      test('a token outside the vocabulary is refused', () => {
        for (const token of [-1, runner.info.vocabularySize, 1.5, Number.NaN]) {
          expect(codeOf(() => runner.tokenBytes(token))).toBe('invalid_parameter');
          expect(codeOf(() => runner.writtenBytes(token))).toBe('invalid_parameter');
          expect(codeOf(() => runner.endsGeneration(token))).toBe('invalid_parameter');
          expect(codeOf(() => runner.controlText(token))).toBe('invalid_parameter');
          expect(codeOf(() => sampler(runner).accept(token))).toBe('invalid_parameter');
          expect(codeOf(() => sampler(runner, { logitBias: [[token, 1]] }))).toBe('invalid_parameter');
        }
      });
    });

    describe('decode', () => {
      test('positions continue and are counted', () => {
        expect(runner.cellCount(0)).toBe(0);
        decode(runner, 0, 0, prompt(0));
        expect(runner.cellCount(0)).toBe(prompt(0).length);
        decode(runner, 0, prompt(0).length, prompt(2));
        expect(runner.cellCount(0)).toBe(prompt(0).length + prompt(2).length);
        expect(runner.cellCount(1)).toBe(0);
      });

      test('a span that leaves a gap is refused', () => {
        decode(runner, 0, 0, prompt(0));
        expect(codeOf(() => decode(runner, 0, prompt(0).length + 3, prompt(2)))).toBe('native_call_failed');
      });

      test.each([-1, room.slots, 0.5])('slot %d does not exist', (slot) => {
        const calls = [
          () => decode(runner, slot, 0, prompt(0)),
          () => runner.removeCells(slot, 0, -1),
          () => runner.cellCount(slot),
          () => runner.shareCells(slot, 1),
          () => runner.shareCells(0, slot),
          () => runner.saveCells(slot, 0, 1, allocate),
          () => runner.restoreCells(slot, 0, new Uint8Array(8)),
          () => runner.snapshotSize(slot),
          () => runner.saveSnapshot(slot, allocate),
          () => runner.restoreSnapshot(slot, new Uint8Array(8)),
        ];
        for (const call of calls) expect(codeOf(call)).toBe('native_call_failed');
      });

      test('a batch needs rows, and not more than the batch size', () => {
        const tokens = Array.from({ length: room.batchSize + 1 }, () => prompt(0)[0] ?? 0);
        expect(codeOf(() => decode(runner, 0, 0, []))).toBe('native_call_failed');
        expect(codeOf(() => runner.decode(oneSpan(0, 0, tokens)))).toBe('native_call_failed');
        expect(runner.decode(oneSpan(0, 0, tokens.slice(1)))).toBe('ok');
      });

      test('a batch whose row count is wrong is refused', () => {
        const { spans } = oneSpan(0, 0, prompt(0));
        expect(codeOf(() => runner.decode({ spans, rows: prompt(0).length - 1 }))).toBe('native_call_failed');
      });

      test('a token outside the vocabulary is refused', () => {
        const { vocabularySize } = runner.info;
        expect(codeOf(() => decode(runner, 0, 0, [vocabularySize]))).toBe('native_call_failed');
        expect(codeOf(() => decode(runner, 0, 0, [-1]))).toBe('native_call_failed');
        expect(runner.cellCount(0)).toBe(0);
      });

      test('a prompt in chunks gives what it gives in one go', () => {
        const whole = generate(runner, 0, prompt(1), 12);
        for (const chunk of [1, 5, 8]) {
          runner.removeCells(1, 0, -1);
          expect(generate(runner, 1, prompt(1), 12, chunk)).toEqual(whole);
        }
      });

      test('several sequences in one batch give what each gives alone', () => {
        const alone = prompts.map((_, index) => {
          const tokens = generate(runner, 0, prompt(index), 12);
          runner.removeCells(0, 0, -1);
          return tokens;
        });
        const sequences = prompts.map((_, slot) => ({ slot, tokens: prompt(slot), computed: 0 }));
        const together = sequences.map((): Token[] => []);
        const samplers = sequences.map(() => sampler(runner));
        for (let step = 0; step < 12; step++) {
          const spans = sequences.map(({ slot, tokens, computed }) => ({
            sequenceId: slot,
            slot,
            start: computed,
            tokens: tokens.slice(computed),
            output: true,
          }));
          const rows = spans.reduce((sum, { tokens }) => sum + tokens.length, 0);
          expect(runner.decode({ spans, rows })).toBe('ok');
          let row = -1;
          for (const [index, span] of spans.entries()) {
            row += span.tokens.length;
            const token = samplers[index]?.sample(row) ?? -1;
            const sequence = sequences[index];
            sequence?.tokens.push(token);
            if (sequence !== undefined) sequence.computed += span.tokens.length;
            together[index]?.push(token);
          }
        }
        for (const used of samplers) used.dispose();
        expect(together).toEqual(alone);
      });
    });

    describe('cells', () => {
      test('a slot can always be emptied', () => {
        const fresh = generate(runner, 0, prompt(0), 8);
        expect(runner.removeCells(0, 0, -1)).toBe(true);
        expect(runner.cellCount(0)).toBe(0);
        expect(generate(runner, 0, prompt(0), 8)).toEqual(fresh);
      });

      test('emptying one slot leaves the others alone', () => {
        const alone = generate(runner, 0, [...prompt(1), ...prompt(3)], 8);
        runner.removeCells(0, 0, -1);
        prefill(runner, 0, prompt(1));
        prefill(runner, 1, prompt(2));
        runner.removeCells(1, 0, -1);
        expect(generate(runner, 0, prompt(3), 8)).toEqual(alone);
      });

      test('removing what is not there does nothing', () => {
        const alone = generate(runner, 0, [...prompt(0), ...prompt(3)], 8);
        runner.removeCells(0, 0, -1);
        expect(runner.removeCells(0, 0, -1)).toBe(true);
        prefill(runner, 0, prompt(0));
        expect(runner.removeCells(0, prompt(0).length, -1)).toBe(true);
        expect(generate(runner, 0, prompt(3), 8)).toEqual(alone);
      });

      test('the end of a sequence is cut where info says so, else nothing is changed', () => {
        const [kept, end] = [prompt(1), prompt(3)];
        const whole = [...kept, ...prompt(2)];
        const [afterKept, afterWhole] = [kept, whole].map((tokens) => {
          const next = generate(runner, 0, [...tokens, ...end], 8);
          runner.removeCells(0, 0, -1);
          return next;
        });
        prefill(runner, 0, whole);
        const isCut = runner.removeCells(0, kept.length, -1);
        expect(isCut || !runner.info.canCut).toBe(true);
        expect(runner.cellCount(0)).toBe(isCut ? kept.length : whole.length);
        expect(generate(runner, 0, end, 8)).toEqual(isCut ? afterKept : afterWhole);
      });

      test('cells that are shared give what computing them gives', () => {
        const [left, right] = [prompt(0), prompt(2).slice(0, 12)];
        const alone = [left, right].map((end) => {
          const tokens = generate(runner, 0, [...prompt(1), ...end], 8);
          runner.removeCells(0, 0, -1);
          return tokens;
        });
        prefill(runner, 0, prompt(1));
        runner.shareCells(0, 2);
        expect(runner.cellCount(2)).toBe(prompt(1).length);
        const rightNext = generate(runner, 2, right, 8);
        expect([generate(runner, 0, left, 8), rightNext]).toEqual(alone);
      });

      test('shared cells stay when the slot they came from is emptied', () => {
        const alone = generate(runner, 0, [...prompt(1), ...prompt(2)], 8);
        runner.removeCells(0, 0, -1);
        prefill(runner, 0, prompt(1));
        runner.shareCells(0, 3);
        runner.removeCells(0, 0, -1);
        prefill(runner, 0, prompt(3));
        expect(generate(runner, 3, prompt(2), 8)).toEqual(alone);
      });
    });

    describe('abort', () => {
      test('a decode with the flag set is aborted, and gives the same when it is tried again', () => {
        const whole = [...prompt(1), ...prompt(2)];
        const alone = generate(runner, 0, whole, 8);
        runner.removeCells(0, 0, -1);
        Atomics.store(opened.abortFlag, 0, 1);
        expect(runner.decode(oneSpan(0, 0, whole))).toBe('aborted');
        runner.removeCells(0, 0, -1);
        Atomics.store(opened.abortFlag, 0, 0);
        expect(generate(runner, 0, whole, 8)).toEqual(alone);
      });

      test('an aborted step is retried from where its sequences stood', () => {
        const alone = [prompt(1), prompt(3)].map((start) => {
          const tokens = generate(runner, 0, [...start, ...prompt(2)], 8);
          runner.removeCells(0, 0, -1);
          return tokens;
        });
        const starts = [prompt(1), prompt(3)];
        for (const [slot, start] of starts.entries()) prefill(runner, slot, start);
        const spans = starts.map((start, slot) => ({
          sequenceId: slot,
          slot,
          start: start.length,
          tokens: prompt(2),
          output: true,
        }));
        Atomics.store(opened.abortFlag, 0, 1);
        expect(runner.decode({ spans, rows: 2 * prompt(2).length })).toBe('aborted');
        Atomics.store(opened.abortFlag, 0, 0);
        for (const [slot, start] of starts.entries()) {
          if (!runner.removeCells(slot, start.length, -1)) {
            runner.removeCells(slot, 0, -1);
            prefill(runner, slot, start);
          }
          expect(generate(runner, slot, prompt(2), 8)).toEqual(alone[slot]);
        }
      });
    });

    describe.skipIf(traits.withoutCells)('a full cache', () => {
      const small: RunnerRoom = { contextSize: 256, slots: 3, batchSize: 256 };

      test('has no cells for a batch, and nothing is changed', async () => {
        const { runner: full } = await open(small);
        try {
          const many = repeated(prompt(1), small.contextSize - 40);
          const alone = generate(full, 0, many, 8);
          full.removeCells(0, 0, -1);
          prefill(full, 0, many);
          expect(full.decode(oneSpan(1, 0, repeated(prompt(0), 60)))).toBe('no-cells');
          expect(full.cellCount(0)).toBe(many.length);
          expect(full.cellCount(1)).toBe(0);
          full.removeCells(0, 0, -1);
          expect(generate(full, 0, many, 8)).toEqual(alone);
        } finally {
          full.dispose();
        }
      });

      test('holds shared cells once', async () => {
        const { runner: full } = await open(small);
        try {
          prefill(full, 0, repeated(prompt(1), 200));
          full.shareCells(0, 1);
          full.shareCells(0, 2);
          for (const slot of [0, 1, 2]) decode(full, slot, 200, repeated(prompt(slot), 15));
          expect(full.decode(oneSpan(0, 215, repeated(prompt(0), 20)))).toBe('no-cells');
          full.removeCells(2, 0, -1);
          expect(full.decode(oneSpan(0, 215, repeated(prompt(0), 20)))).toBe('ok');
        } finally {
          full.dispose();
        }
      });

      test('a batch size beyond the context is cut down to it, not handed to the library', async () => {
        const { runner: tight } = await open({ contextSize: 256, slots: 1, batchSize: 512 });
        try {
          expect(tight.info.batchSize).toBeLessThanOrEqual(512);
          const tokens = repeated(prompt(0), tight.info.batchSize + 1);
          expect(codeOf(() => tight.decode(oneSpan(0, 0, tokens)))).toBe('native_call_failed');
        } finally {
          tight.dispose();
        }
      });
    });

    describe('sampling', () => {
      let row: number;
      let letters: [Token, Token];

      /** Draws from the same logits again and again, with a sampler of its own. */
      const draws = (
        count: number,
        params: Partial<SamplingParams>,
        options: { seed?: number; prompt?: readonly Token[]; ignoreEos?: boolean } = {},
      ): Token[] => {
        const drawing = sampler(runner, params, options);
        const tokens = Array.from({ length: count }, () => drawing.sample(row));
        drawing.dispose();
        return tokens;
      };

      const before = (): void => {
        prefill(runner, 0, prompt(0));
        row = (prompt(0).length - 1) % chunkRows;
        letters = [tokensOf('a')[0] ?? -1, tokensOf('z')[0] ?? -1];
        expect(letters[0]).not.toBe(letters[1]);
      };

      test('only rows that asked for output can be sampled', () => {
        before();
        const drawing = sampler(runner);
        expect(codeOf(() => drawing.sample(row - 1))).toBe('native_call_failed');
        expect(codeOf(() => drawing.sample(row + 1))).toBe('native_call_failed');
        expect(drawing.sample(row)).toBeGreaterThanOrEqual(0);
        drawing.dispose();
      });

      /** Allows some tokens, and counts how often it was asked for all of them. */
      const guideTo = (tokens: readonly Token[], redraws = 0): TokenGuide & { asked: number } => {
        const allowed = new Uint32Array(Math.ceil(runner.info.vocabularySize / 32));
        for (const token of tokens) allowed[token >>> 5] = (allowed[token >>> 5] ?? 0) | (1 << (token & 31));
        const guide = {
          asked: 0,
          redraws,
          allows: (token: Token) => tokens.includes(token),
          allowed: () => {
            guide.asked++;
            return allowed;
          },
        };
        return guide;
      };

      test.each([
        ['greedy', {}],
        ['of the likeliest', { temperature: 1, topK: 3, topP: 0.9, minP: 0.1 }],
        ['of all', { temperature: 1.5, frequencyPenalty: 0.5 }],
      ] as const)('a guide is obeyed, %s, and a seed draws the same again', (_, params) => {
        before();
        const drawn = [1, 2].map(() => {
          const drawing = sampler(runner, params, { seed: 3 });
          const tokens = Array.from({ length: 20 }, (__, index) =>
            drawing.sample(row, guideTo(letters, index % 3)),
          );
          drawing.dispose();
          return tokens;
        });
        expect(drawn[0]).toEqual(drawn[1]);
        expect(drawn[0]?.every((token) => letters.includes(token))).toBe(true);
      });

      test('a guide is asked for all tokens only when a draw was refused', () => {
        before();
        const drawing = sampler(runner);
        const likeliest = drawing.sample(row);
        const [content, narrow, wide] = [
          guideTo([likeliest]),
          guideTo(letters),
          guideTo([likeliest, ...letters]),
        ];
        expect(drawing.sample(row, content)).toBe(likeliest);
        expect(drawing.sample(row, wide)).toBe(likeliest);
        expect(letters).toContain(drawing.sample(row, narrow));
        expect([content.asked, wide.asked, narrow.asked]).toEqual([0, 0, 1]);
        const others = Array.from({ length: runner.info.vocabularySize }, (_, token) => token);
        const nearlyAll = guideTo(
          others.filter((token) => token !== likeliest),
          1,
        );
        expect(drawing.sample(row, nearlyAll)).not.toBe(likeliest);
        expect(nearlyAll.asked).toBe(0);
        drawing.dispose();
      });

      test('a token that a guide refused is not counted by penalties', () => {
        before();
        const drawing = sampler(runner, { presencePenalty: 100 });
        const free = sampler(runner);
        const likeliest = free.sample(row);
        for (let count = 0; count < 3; count++) drawing.sample(row, guideTo(letters));
        expect(drawing.sample(row)).toBe(likeliest);
        drawing.dispose();
        free.dispose();
      });

      test.each([0, 1, 12345, 2 ** 31, 2 ** 32 - 1])('seed %d draws the same tokens every time', (seed) => {
        before();
        const params = { temperature: 50 };
        expect(draws(32, params, { seed })).toEqual(draws(32, params, { seed }));
      });

      test('another seed draws other tokens', () => {
        before();
        const params = { temperature: 50 };
        const all = [1, 2, 3, 4].map((seed) => draws(32, params, { seed }).join(' '));
        expect(new Set(all).size).toBe(4);
      });

      test.each([{ topK: 1 }, { minP: 1 }, { topP: 0.000_001 }, { temperature: 0.000_1 }])(
        '%j leaves only the most likely token',
        (params) => {
          before();
          const greedy = draws(1, {})[0];
          expect(new Set(draws(16, { temperature: 50, ...params }))).toEqual(new Set([greedy]));
        },
      );

      test('topK keeps k tokens', () => {
        before();
        expect(new Set(draws(200, { temperature: 1000, topK: 3 })).size).toBe(3);
      });

      test('minP is measured against the most likely token, before the temperature', () => {
        before();
        const [first, second] = letters;
        const logitBias = [[first, 1001] as const, [second, 1000] as const];
        const drawn = (minP: number): number =>
          new Set(draws(100, { temperature: 1000, minP, logitBias })).size;
        expect(drawn(0.999_999)).toBe(1);
        expect(drawn(1e-30)).toBe(2);
      });

      test('a bias forces a token and bans it', () => {
        before();
        const greedy = draws(1, {})[0] ?? -1;
        const other = letters[0] === greedy ? letters[1] : letters[0];
        expect(draws(1, { logitBias: [[other, 100]] })).toEqual([other]);
        const banned = draws(50, { temperature: 2, logitBias: [[greedy, -100]] });
        expect(banned).not.toContain(greedy);
        expect(draws(1, { logitBias: [[greedy, -100]] })).not.toEqual([greedy]);
      });

      test('ignoreEos keeps end tokens from being drawn, a bias notwithstanding', () => {
        before();
        const { vocabularySize } = runner.info;
        const ends = Array.from({ length: vocabularySize }, (_, token) => token).filter((token) =>
          runner.endsGeneration(token),
        );
        expect(ends.length).toBeGreaterThan(0);
        const logitBias = ends.map((token) => [token, 100] as const);
        expect(ends).toContain(draws(1, { logitBias })[0]);
        for (const drawn of draws(20, { temperature: 1, logitBias }, { ignoreEos: true }))
          expect(ends).not.toContain(drawn);
      });

      test('the repetition penalty counts prompt and output', () => {
        before();
        const [first, second] = letters;
        const params = { logitBias: [[first, 1300] as const, [second, 1000] as const], repetitionPenalty: 2 };
        expect(draws(3, params)).toEqual([first, second, first]);
        expect(draws(2, params, { prompt: [first] })).toEqual([second, first]);
        expect(draws(3, { ...params, repetitionPenalty: 1 })).toEqual([first, first, first]);
      });

      test('the presence penalty counts the output, once', () => {
        before();
        const [first, second] = letters;
        const params = { logitBias: [[first, 1300] as const, [second, 1000] as const], presencePenalty: 500 };
        expect(draws(4, params, { prompt: [first, first] })).toEqual([first, second, first, first]);
      });

      test('the frequency penalty counts the output, every time', () => {
        before();
        const [first, second] = letters;
        const params = {
          logitBias: [[first, 1300] as const, [second, 1000] as const],
          frequencyPenalty: 200,
        };
        expect(draws(5, params, { prompt: [first, first] })).toEqual([first, first, second, first, second]);
      });

      test('the penalties count tokens that were given instead of drawn', () => {
        before();
        const [first, second] = letters;
        const params = { logitBias: [[first, 1300] as const, [second, 1000] as const], presencePenalty: 500 };
        const drawing = sampler(runner, params);
        drawing.accept(first);
        expect(drawing.sample(row)).toBe(second);
        drawing.dispose();
      });
    });

    describe('results of rows', () => {
      const tolerance = traits.tolerance ?? 0.001;

      /** Rows of one slot behind what it holds; those from `outputFrom` on have results. */
      const rowsOf = (slot: number, tokens: readonly Token[], outputFrom: number, embeds = false): Batch => ({
        spans: [{ sequenceId: slot, slot, start: runner.cellCount(slot), tokens, output: true, outputFrom }],
        rows: tokens.length,
        ...(embeds ? { embeds } : {}),
      });

      const logProbabilities = (row: number, tokens: readonly Token[]): number[] =>
        tokens.map((token) => runner.logProbability(row, token));

      const expectClose = (actual: ArrayLike<number>, expected: ArrayLike<number>): void => {
        expect(actual.length).toBe(expected.length);
        const apart = Array.from(actual, (value, index) => Math.abs(value - (expected[index] ?? NaN)));
        expect(Math.max(...apart)).toBeLessThan(tolerance);
      };

      const embeddings = (slot: number, tokens: readonly Token[]): Float32Array[] => {
        expect(runner.decode(rowsOf(slot, tokens, 0, true))).toBe('ok');
        return tokens.map((_, row) => runner.rowEmbedding(row));
      };

      test('the probabilities of all tokens sum to 1, and the greedy choice has the highest', () => {
        const tokens = prompt(1).slice(0, runner.info.outputRows);
        expect(runner.decode(rowsOf(0, tokens, tokens.length - 1))).toBe('ok');
        const row = tokens.length - 1;
        const all = Array.from({ length: runner.info.vocabularySize }, (_, token) => token);
        const logs = logProbabilities(row, all);
        expect(logs.reduce((sum, log) => sum + Math.exp(log), 0)).toBeCloseTo(1, 6);
        const drawing = sampler(runner);
        expect(logs[drawing.sample(row)]).toBe(Math.max(...logs));
        drawing.dispose();
        for (const token of [-1, all.length, 0.5])
          expect(codeOf(() => runner.logProbability(row, token))).toBe('invalid_parameter');
      });

      test('the most likely tokens are those of the highest probabilities, in order', () => {
        const tokens = prompt(1).slice(0, runner.info.outputRows);
        expect(runner.decode(rowsOf(0, tokens, tokens.length - 1))).toBe('ok');
        const row = tokens.length - 1;
        const all = Array.from({ length: runner.info.vocabularySize }, (_, token) => token);
        const sorted = logProbabilities(row, all)
          .map((logProbability, token) => ({ token, logProbability }))
          .toSorted((a, b) => b.logProbability - a.logProbability);
        for (const count of [0, 1, 20]) {
          const top = runner.topLogProbabilities(row, count);
          expect(top.map(({ token }) => token)).toEqual(sorted.slice(0, count).map(({ token }) => token));
          expectClose(
            [0, ...top.map(({ logProbability }) => logProbability)],
            [0, ...sorted.slice(0, count).map(({ logProbability }) => logProbability)],
          );
        }
        for (const count of [-1, 1.5, Number.NaN])
          expect(codeOf(() => runner.topLogProbabilities(row, count))).toBe('invalid_parameter');
      });

      test('drawing a token changes no probability', () => {
        const tokens = prompt(1).slice(0, runner.info.outputRows);
        const row = tokens.length - 1;
        expect(runner.decode(rowsOf(0, tokens, row))).toBe('ok');
        const before = runner.topLogProbabilities(row, 20);
        const drawing = sampler(
          runner,
          { temperature: 1.5, repetitionPenalty: 2, logitBias: [[before[0]?.token ?? 0, -100]] },
          { prompt: tokens },
        );
        drawing.sample(row);
        expect(runner.topLogProbabilities(row, 20)).toEqual(before);
        drawing.dispose();
      });

      test('each row of a span has the probabilities that it has as the last one', () => {
        const tokens = prompt(1).slice(0, 12);
        const asked = prompt(0).slice(0, 5);
        const alone = tokens.map((token, index) => {
          decode(runner, 1, index, [token]);
          return logProbabilities(0, asked);
        });
        expect(runner.decode(rowsOf(0, tokens, 0))).toBe('ok');
        for (const [row, expected] of alone.entries()) expectClose(logProbabilities(row, asked), expected);
        expect(new Set(alone.map(String)).size).toBe(tokens.length);
      });

      test('rows of several sequences are told apart', () => {
        const [left, right] = [prompt(0).slice(0, 7), prompt(3).slice(0, 9)];
        const asked = prompt(1).slice(0, 5);
        const alone = [left, right].map((tokens, slot) => {
          expect(runner.decode(rowsOf(slot, tokens, 3))).toBe('ok');
          const logs = tokens.slice(3).map((_, index) => logProbabilities(3 + index, asked));
          runner.removeCells(slot, 0, -1);
          return logs;
        });
        const spans = [left, right].flatMap((tokens, slot) => rowsOf(slot, tokens, 3).spans);
        expect(runner.decode({ spans, rows: left.length + right.length })).toBe('ok');
        for (const [index, logs] of alone.entries()) {
          for (const [at, expected] of logs.entries()) {
            expectClose(logProbabilities((index === 0 ? 0 : left.length) + 3 + at, asked), expected);
          }
        }
      });

      test('a row that asked for nothing has nothing', () => {
        const tokens = prompt(1).slice(0, 8);
        expect(runner.decode(rowsOf(0, tokens, 5))).toBe('ok');
        expect(codeOf(() => runner.logProbability(4, 0))).toBe('native_call_failed');
        expect(codeOf(() => runner.logProbability(8, 0))).toBe('native_call_failed');
        expect(codeOf(() => runner.topLogProbabilities(4, 1))).toBe('native_call_failed');
        expect(runner.logProbability(5, 0)).toBeLessThan(0);
        expect(codeOf(() => runner.rowEmbedding(5))).toBe('native_call_failed');
      });

      test('more rows with results than there may be are refused', () => {
        const most = runner.info.outputRows;
        expect(most).toBeGreaterThanOrEqual(room.slots);
        const tokens = repeated(prompt(1), most + 1);
        expect(codeOf(() => runner.decode(rowsOf(0, tokens, 0)))).toBe('native_call_failed');
        expect(codeOf(() => runner.decode(rowsOf(0, tokens, most, true)))).toBe('native_call_failed');
        expect(runner.cellCount(0)).toBe(0);
        expect(runner.decode(rowsOf(0, tokens, 1))).toBe('ok');
      });

      test('embeddings are as long as said, each of its token and those before it', () => {
        const [tokens, other] = [prompt(1).slice(0, 10), prompt(3).slice(0, 10)];
        const rows = embeddings(0, tokens);
        expect(rows.map(({ length }) => length)).toEqual(tokens.map(() => runner.info.embedding?.size));
        expect(new Set(rows.map(String)).size).toBe(tokens.length);
        const prefixed = embeddings(1, [...other.slice(0, 4), ...tokens.slice(4)]);
        expect(String(prefixed[9])).not.toBe(String(rows[9]));
      });

      test('embeddings are the same in chunks, and the caller keeps them', () => {
        const tokens = prompt(1).slice(0, 12);
        const whole = embeddings(0, tokens);
        const copies = whole.map((row) => row.slice());
        for (const chunk of [1, 5]) {
          runner.removeCells(1, 0, -1);
          const chunks = [];
          for (let from = 0; from < tokens.length; from += chunk)
            chunks.push(...embeddings(1, tokens.slice(from, from + chunk)));
          for (const [row, expected] of copies.entries()) expectClose(chunks[row] ?? [], expected);
        }
        expect(whole).toEqual(copies);
      });

      test('a sequence can be generated in the same batch as embeddings, and on after it', () => {
        const [text, embedded] = [prompt(0), prompt(2).slice(0, 12)];
        const alone = generate(runner, 0, text, 8);
        const expected = embeddings(1, embedded);
        for (const slot of [0, 1]) runner.removeCells(slot, 0, -1);
        const end = text.slice(-3);
        prefill(runner, 0, text.slice(0, -3));
        const spans = [...rowsOf(0, end, 2).spans, ...rowsOf(1, embedded, 0).spans];
        expect(runner.decode({ spans, rows: 3 + embedded.length, embeds: true })).toBe('ok');
        const drawing = sampler(runner);
        const first = drawing.sample(2);
        drawing.dispose();
        for (const [row, embedding] of expected.entries()) {
          expectClose(runner.rowEmbedding(3 + row), embedding);
        }
        expect([first, ...generate(runner, 0, [first], 7)]).toEqual(alone);
      });
    });

    describe('the end', () => {
      test('disposing twice is harmless, and every use afterwards throws handle_disposed', async () => {
        const { runner: ended } = await open(room);
        const known = prompt(0)[0] ?? 0;
        ended.tokenBytes(known);
        ended.writtenBytes(known);
        prefill(ended, 0, prompt(0));
        const drawing = sampler(ended);
        const disposed = sampler(ended);
        disposed.dispose();
        disposed.dispose();
        expect(codeOf(() => disposed.sample(0))).toBe('handle_disposed');
        ended.dispose();
        ended.dispose();
        const calls: Record<string, () => unknown> = {
          tokenize: () => ended.tokenize('a', { addSpecial: false, parseSpecial: false }),
          tokenBytes: () => ended.tokenBytes(known),
          writtenBytes: () => ended.writtenBytes(known),
          endsGeneration: () => ended.endsGeneration(known),
          controlText: () => ended.controlText(known),
          createSampler: () => sampler(ended),
          sample: () => drawing.sample(0),
          accept: () => drawing.accept(known),
          logProbability: () => ended.logProbability(0, known),
          topLogProbabilities: () => ended.topLogProbabilities(0, 1),
          rowEmbedding: () => ended.rowEmbedding(0),
          decode: () => decode(ended, 0, 0, [known]),
          removeCells: () => ended.removeCells(0, 0, -1),
          shareCells: () => ended.shareCells(0, 1),
          cellCount: () => ended.cellCount(0),
          cellsSize: () => ended.cellsSize(1),
          saveCells: () => ended.saveCells(0, 0, 1, allocate),
          restoreCells: () => ended.restoreCells(0, 0, new Uint8Array(8)),
          snapshotSize: () => ended.snapshotSize(0),
          saveSnapshot: () => ended.saveSnapshot(0, allocate),
          restoreSnapshot: () => ended.restoreSnapshot(0, new Uint8Array(8)),
          setThreads: () => ended.setThreads(1),
        };
        const codes = Object.entries(calls).map(([method, call]) => [method, codeOf(call)]);
        expect(codes).toEqual(Object.keys(calls).map((method) => [method, 'handle_disposed']));
        drawing.dispose();
        expect(ended.memory().residentBytes).toBeGreaterThan(0);
        expect(ended.threadId()).toBe(runner.threadId());
      });
    });
  });
}

const allocate = (bytes: number): Uint8Array => new Uint8Array(bytes);

/** Rows of one decode call while a prompt is computed. */
const chunkRows = 32;

function oneSpan(
  slot: number,
  start: number,
  tokens: readonly Token[],
): {
  spans: [{ sequenceId: number; slot: number; start: number; tokens: readonly Token[]; output: boolean }];
  rows: number;
} {
  return { spans: [{ sequenceId: slot, slot, start, tokens, output: true }], rows: tokens.length };
}

/** Computes rows of one slot; the last one can be sampled. */
function decode(runner: ModelRunner, slot: number, start: number, tokens: readonly Token[]): void {
  expect(runner.decode(oneSpan(slot, start, tokens))).toBe('ok');
}

/** Computes rows behind what the slot holds, in chunks. */
function prefill(runner: ModelRunner, slot: number, tokens: readonly Token[], chunk = chunkRows): void {
  for (let from = 0; from < tokens.length; from += chunk) {
    decode(runner, slot, runner.cellCount(slot), tokens.slice(from, from + chunk));
  }
}

/** Computes rows behind what the slot holds, in chunks, and draws the most likely tokens after them. */
function generate(
  runner: ModelRunner,
  slot: number,
  tokens: readonly Token[],
  count: number,
  chunk = chunkRows,
): Token[] {
  const drawing = sampler(runner);
  const drawn: Token[] = [];
  let rows = tokens;
  while (drawn.length < count) {
    prefill(runner, slot, rows, chunk);
    const token = drawing.sample((rows.length - 1) % chunk);
    drawn.push(token);
    rows = [token];
  }
  drawing.dispose();
  return drawn;
}

function repeated(tokens: readonly Token[], length: number): Token[] {
  return Array.from({ length }, (_, index) => tokens[index % tokens.length] ?? 0);
}

function sampler(
  runner: ModelRunner,
  params: Partial<SamplingParams> = {},
  options: { seed?: number; prompt?: readonly Token[]; ignoreEos?: boolean } = {},
): Sampler {
  return runner.createSampler(
    { ...greedySampling, ...params },
    { seed: 1, prompt: [], ignoreEos: false, ...options },
  );
}

/** The code of the error that a call throws; undefined when it throws none. */
function codeOf(call: () => unknown): ErrorCode | undefined {
  try {
    call();
    return undefined;
  } catch (error) {
    if (error instanceof HeddleError) return error.code;
    throw error;
  }
}
