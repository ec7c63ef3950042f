import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { HeddleError, type ErrorCode } from '../core/errors.js';
import type { Token } from '../core/generation.js';
import type { ModelMemory, ModelRunner } from '../core/model-runner.js';
import type { OpenedRunner, RunnerRoom } from './runner-conformance.js';

const room = { contextSize: 1024, slots: 3, residentSlots: 2, batchSize: 256 } as const satisfies RunnerRoom;

/** Cells saved together. */
const block = 64;

/** Longer than the sliding window of any model that is tested. */
const length = 3 * block;

const shared = (bytes: number): Uint8Array<SharedArrayBuffer> =>
  new Uint8Array(new SharedArrayBuffer(bytes)).fill(0xaa);

/** What it takes to bring a sequence back: cells where the memory has them, a state where it has one. */
interface Saved {
  readonly blocks: readonly Uint8Array[];
  readonly snapshot?: Uint8Array;
}

/**
 * What every model runner promises of sequences that are saved and restored, as a suite: they go on exactly, bit for bit.
 * @param open opens a runner with the room asked for; the suite disposes of it
 * @param memory what the runner has
 */
export function describeSavedStateConformance(
  name: string,
  open: (room: RunnerRoom) => Promise<OpenedRunner>,
  memory: ModelMemory,
): void {
  const hasCells = memory === 'cells' || memory === 'cells-and-state';
  const hasState = memory === 'state' || memory === 'cells-and-state';

  describe(`${name} saves and restores`, () => {
    let runner: ModelRunner;

    beforeAll(async () => {
      ({ runner } = await open(room));
    });
    afterEach(() => {
      for (let slot = 0; slot < runner.info.lanes; slot++) runner.removeCells(slot, 0, -1);
    });
    afterAll(() => runner.dispose());

    /** Tokens without pattern, the same for the same seed. */
    const tokensOf = (seed: number, count: number): Token[] => {
      let state = seed;
      return Array.from({ length: count }, () => {
        state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
        return state % 250;
      });
    };
    const tokens = tokensOf(1, length);
    const following = 77;

    const fill = (slot: number, rest: readonly Token[], rows = 48): void => {
      for (let from = 0; from < rest.length; from += rows) {
        const some = rest.slice(from, from + rows);
        const start = runner.cellCount(slot);
        const spans = [{ sequenceId: slot, slot, start, tokens: some, output: true }];
        expect(runner.decode({ spans, rows: some.length })).toBe('ok');
      }
    };
    /** The probabilities of all tokens after one more. */
    const next = (slot: number, token: Token = following): number[] => {
      fill(slot, [token]);
      return Array.from({ length: runner.info.vocabularySize }, (_, id) => runner.logProbability(0, id));
    };
    const empty = (...slots: number[]): void => {
      for (const slot of slots) expect(runner.removeCells(slot, 0, -1)).toBe(true);
    };
    const saveCells = (slot: number, from: number, to: number): Uint8Array =>
      runner.saveCells(slot, from, to, shared);
    const save = (slot: number, from = 0): Saved => {
      const blocks: Uint8Array[] = [];
      const count = hasCells ? runner.cellCount(slot) : 0;
      for (let start = from; start < count; start += block)
        blocks.push(saveCells(slot, start, Math.min(start + block, count)));
      return { blocks, ...(hasState ? { snapshot: runner.saveSnapshot(slot, shared) } : {}) };
    };
    const restore = (slot: number, { blocks, snapshot }: Saved): void => {
      for (const bytes of blocks) expect(runner.restoreCells(slot, runner.cellCount(slot), bytes)).toBe('ok');
      if (snapshot !== undefined) expect(runner.restoreSnapshot(slot, snapshot)).toBe('ok');
    };

    test('every lane holds a sequence', () => {
      const { lanes, slots } = runner.info;
      expect(runner.info.memory).toBe(memory);
      expect(slots).toBe(room.slots);
      expect([slots, slots + room.residentSlots]).toContain(lanes);
      expect(runner.info.outputRows).toBeGreaterThanOrEqual(lanes);
      const all = Array.from({ length: lanes }, (_, slot) => next(slot));
      for (const logs of all) expect(logs).toEqual(all[0]);
    });

    test.each([1, 7, 64, 192])(
      'a sequence computed %d rows at a time goes on exactly, in every lane',
      (rows) => {
        fill(0, tokens, rows);
        const saved = save(0);
        const expected = next(0);
        empty(0);
        for (let slot = 0; slot < runner.info.lanes; slot++) {
          restore(slot, saved);
          expect(runner.cellCount(slot)).toBe(length);
          expect(next(slot)).toEqual(expected);
          empty(slot);
        }
      },
    );

    test('a sequence of any length does, and what follows is computed from there', () => {
      const [start, rest] = [tokens.slice(0, 131), tokens.slice(131)];
      fill(1, start);
      const saved = save(1);
      fill(1, rest);
      const expected = next(1);
      empty(1);
      restore(0, saved);
      fill(0, rest);
      expect(next(0)).toEqual(expected);
    });

    test('scattered cells are saved, and cells are restored where there is room between others', () => {
      const others = [tokensOf(2, length), tokensOf(3, length)];
      for (let from = 0; from < length; from += 12) {
        fill(0, tokens.slice(from, from + 12));
        for (const [index, other] of others.entries()) fill(index + 1, other.slice(from, from + 12));
      }
      const saved = save(0);
      const expected = next(0);
      empty(0, 2);
      fill(0, tokensOf(4, 100), 9);
      restore(2, saved);
      expect(next(2)).toEqual(expected);
    });

    test('sequences beside one that is saved and restored are left alone', () => {
      const other = tokensOf(5, 150);
      fill(1, other);
      fill(0, tokens);
      const kept = save(1);
      const expectedOther = next(1);
      empty(0, 1);
      fill(1, other);
      fill(0, tokens);
      const saved = save(0);
      expect(next(1)).toEqual(expectedOther);
      const expected = next(0);
      const grown = save(1);
      empty(0);
      restore(2, saved);
      expect(save(1)).toEqual(grown);
      expect(next(2)).toEqual(expected);
      empty(1);
      restore(1, kept);
      expect(next(1)).toEqual(expectedOther);
    });

    test('a sequence is restored in two goes', () => {
      fill(0, tokens.slice(0, 2 * block));
      const start = save(0);
      const expectedStart = next(0);
      empty(0);
      fill(0, tokens.slice(0, 2 * block));
      fill(0, tokens.slice(2 * block));
      const end = save(0, 2 * block);
      const expectedEnd = next(0);
      empty(0);
      restore(1, start);
      runner.shareCells(1, 2);
      expect(next(1)).toEqual(expectedStart);
      if (!hasCells) empty(2);
      restore(2, end);
      expect(runner.cellCount(2)).toBe(length);
      expect(next(2)).toEqual(expectedEnd);
    });

    test('shared cells are saved as those they came from, and restored ones are shared', () => {
      fill(0, tokens);
      runner.shareCells(0, 1);
      const saved = save(1);
      expect(saved).toEqual(save(0));
      const expected = next(0);
      empty(0, 1);
      restore(0, saved);
      runner.shareCells(0, 1);
      empty(0);
      expect(next(1)).toEqual(expected);
    });

    test('what is saved twice has the same bytes, of the size that was said', () => {
      fill(0, tokens);
      const [first, second] = [save(0), save(0)];
      expect(second).toEqual(first);
      for (const bytes of first.blocks) expect(bytes.length).toBe(runner.cellsSize(block));
      const size = hasState ? runner.snapshotSize(0) : undefined;
      expect(first.snapshot?.length).toBe(size);
      expect(runner.cellCount(0)).toBe(length);
    });

    test('the memory that is given is what is filled, and must be as large as was asked for', () => {
      fill(0, tokens);
      const given: Uint8Array[] = [];
      const give = (bytes: number): Uint8Array => {
        given.push(shared(bytes));
        return given.at(-1) ?? shared(0);
      };
      const savings = [
        ...(hasCells ? [(how: typeof give) => runner.saveCells(0, 0, block, how)] : []),
        ...(hasState ? [(how: typeof give) => runner.saveSnapshot(0, how)] : []),
      ];
      for (const saving of savings) {
        expect(saving(give)).toBe(given.at(-1));
        for (const change of [-1, 1])
          expect(codeOf(() => saving((bytes) => shared(bytes + change)))).toBe('native_call_failed');
        expect(() =>
          saving(() => {
            throw new RangeError('no memory');
          }),
        ).toThrow('no memory');
      }
      expect(save(0)).toEqual(save(0));
    });

    test('a memory saves and restores what it has, and nothing else', () => {
      fill(0, tokens);
      const cells = [
        () => runner.cellsSize(1),
        () => runner.saveCells(0, 0, 1, shared),
        () => runner.restoreCells(1, 0, shared(64)),
      ];
      const state = [
        () => runner.snapshotSize(0),
        () => runner.saveSnapshot(0, shared),
        () => runner.restoreSnapshot(1, shared(64)),
      ];
      const unsupported = (calls: readonly (() => unknown)[]): boolean[] =>
        calls.map((call) => codeOf(call) === 'unsupported_by_model');
      expect(unsupported(cells)).toEqual(cells.map(() => !hasCells));
      expect(unsupported(state)).toEqual(state.map(() => !hasState));
    });

    test('what a slot does not hold can not be saved', () => {
      fill(0, tokens.slice(0, block));
      const ranges = [
        [0, block + 1],
        [-1, 3],
        [5, 5],
        [7, 3],
        [0.5, 4],
        [0, Number.NaN],
      ] as const;
      const code = hasCells ? 'native_call_failed' : 'unsupported_by_model';
      for (const [from, to] of ranges) expect(codeOf(() => saveCells(0, from, to))).toBe(code);
      expect(codeOf(() => saveCells(1, 0, 1))).toBe(code);
      const stateCode = hasState ? 'native_call_failed' : 'unsupported_by_model';
      expect(codeOf(() => runner.saveSnapshot(1, shared))).toBe(stateCode);
    });

    test('bytes that are cut short, too long, or of another kind are refused, and nothing is changed', () => {
      fill(0, tokens);
      const { blocks, snapshot } = save(0);
      fill(1, tokensOf(6, block));
      const before = save(1);
      empty(2);
      const spoilt = (bytes: Uint8Array | undefined, other: Uint8Array | undefined): Uint8Array[] =>
        bytes === undefined
          ? []
          : [
              ...[0, 1, 7, 8, 16, 64, bytes.length - 1].map((end) => bytes.slice(0, end)),
              Uint8Array.from([...bytes, 0]),
              new Uint8Array(bytes.length),
              new Uint8Array(bytes.length).fill(0xff),
              ...(other === undefined ? [] : [other]),
            ];
      for (const bytes of spoilt(blocks[0], snapshot))
        for (const slot of [1, 2])
          expect(codeOf(() => runner.restoreCells(slot, runner.cellCount(slot), bytes))).toBe(
            'native_call_failed',
          );
      for (const bytes of spoilt(snapshot, blocks[0]))
        for (const slot of [1, 2])
          expect(codeOf(() => runner.restoreSnapshot(slot, bytes))).toBe('native_call_failed');
      expect(save(1)).toEqual(before);
      expect(runner.cellCount(2)).toBe(0);
    });

    test.runIf(hasCells)('cells belong behind those before them', () => {
      fill(0, tokens);
      const [first = shared(0), second = shared(0)] = save(0).blocks;
      empty(0);
      expect(codeOf(() => runner.restoreCells(0, 0, second))).toBe('native_call_failed');
      expect(codeOf(() => runner.restoreCells(0, block, second))).toBe('native_call_failed');
      expect(runner.restoreCells(0, 0, first)).toBe('ok');
      expect(codeOf(() => runner.restoreCells(0, 0, first))).toBe('native_call_failed');
      expect(codeOf(() => runner.restoreCells(0, 2 * block, second))).toBe('native_call_failed');
      expect(runner.cellCount(0)).toBe(block);
    });

    test.runIf(hasState)('a state belongs behind its cells, or where nothing is', () => {
      fill(0, tokens);
      const { snapshot = shared(0) } = save(0);
      empty(0);
      fill(0, tokens.slice(0, block));
      expect(codeOf(() => runner.restoreSnapshot(0, snapshot))).toBe('native_call_failed');
      expect(runner.cellCount(0)).toBe(block);
      next(0);
    });

    test('bytes with a few of them changed are refused or restored, and never harm the process', () => {
      fill(1, tokens);
      const saved = save(1);
      const expected = next(1);
      const random = tokensOf(9, 100_000).values();
      const spoil = (bytes: Uint8Array, round: number): Uint8Array => {
        const copy = bytes.slice();
        // Most of what counts is at the front, and at the front of each layer; the rest is data.
        const reach = round % 2 === 0 ? Math.min(copy.length, 1200) : copy.length;
        for (let change = 0; change <= round % 3; change++) {
          const place = (random.next().value ?? 0) * 250 * 250 + (random.next().value ?? 0) * 250;
          copy[(place + (random.next().value ?? 0)) % reach] = random.next().value ?? 0;
        }
        return copy;
      };
      for (let round = 0; round < 300; round++) {
        for (const bytes of saved.blocks.slice(0, 1))
          codeOf(() => runner.restoreCells(0, 0, spoil(bytes, round)));
        empty(0);
        if (saved.snapshot === undefined) continue;
        restore(0, { blocks: saved.blocks });
        codeOf(() => runner.restoreSnapshot(0, spoil(saved.snapshot ?? new Uint8Array(0), round)));
        empty(0);
      }
      restore(0, saved);
      expect(next(0)).toEqual(expected);
    });

    test.runIf(hasCells && hasState)('cells without a state can be saved and shared, not decoded', () => {
      fill(0, tokens);
      const saved = save(0);
      const expected = next(0);
      empty(0);
      restore(0, { blocks: saved.blocks });
      expect(codeOf(() => fill(0, [following]))).toBe('native_call_failed');
      expect(codeOf(() => runner.saveSnapshot(0, shared))).toBe('native_call_failed');
      expect(saveCells(0, 0, block)).toEqual(saved.blocks[0]);
      runner.shareCells(0, 1);
      empty(0);
      expect(runner.cellCount(1)).toBe(length);
      expect(codeOf(() => fill(1, [following]))).toBe('native_call_failed');
      restore(1, { blocks: [], ...(saved.snapshot && { snapshot: saved.snapshot }) });
      expect(next(1)).toEqual(expected);
      empty(0);
      fill(0, tokens.slice(0, 9));
    });

    test.runIf(hasCells && hasState)('a state takes a sequence back to where it was saved', () => {
      fill(0, tokens.slice(0, 100));
      const { snapshot } = save(0);
      const expected = next(0);
      fill(0, tokens.slice(100));
      expect(runner.restoreSnapshot(0, snapshot ?? shared(0))).toBe('ok');
      expect(runner.cellCount(0)).toBe(100);
      expect(next(0)).toEqual(expected);
    });

    test.runIf(hasCells)('where there is no room, nothing is restored until there is', async () => {
      const { runner: full } = await open({ ...room, contextSize: 256 });
      const main = runner;
      fill(0, tokens.slice(0, block));
      const saved = save(0);
      const expected = next(0);
      runner = full;
      try {
        const other = tokensOf(7, 220);
        fill(1, other);
        const alone = next(1);
        empty(1);
        fill(1, other);
        expect(runner.restoreCells(0, 0, saved.blocks[0] ?? shared(0))).toBe('no-cells');
        expect(runner.cellCount(0)).toBe(0);
        expect(next(1)).toEqual(alone);
        empty(1);
        restore(0, saved);
        expect(next(0)).toEqual(expected);
      } finally {
        runner = main;
        full.dispose();
      }
    });
  });
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
