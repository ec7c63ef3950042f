import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Batch } from '../core/batch.js';
import type { Token } from '../core/generation.js';
import type { OpenedRunner, RunnerRoom } from './runner-conformance.js';

const room: RunnerRoom = { contextSize: 512, slots: 4, batchSize: 256 };

/**
 * What the engine relies on in a runner of a reranker.
 * @param traits.causal it is no encoder
 * @param traits.tolerance how far relevances may be apart that were computed in other batches
 */
export function describeRerankerConformance(
  name: string,
  open: (room: RunnerRoom) => Promise<OpenedRunner>,
  { causal, tolerance }: { causal: boolean; tolerance: number },
): void {
  describe(`${name} is a runner of a reranker`, () => {
    let opened: OpenedRunner;

    beforeEach(async () => {
      opened = await open(room);
    });

    afterEach(() => opened.runner.dispose());

    const tokens = (first: number, length: number): Token[] =>
      Array.from({ length }, (_, index) => (first + 7 * index) % 250);
    const inputs = [tokens(3, 20), tokens(50, 9), tokens(120, 33)];
    const batchOf = (
      parts: readonly (readonly [slot: number, start: number, tokens: readonly Token[]])[],
    ): Batch => ({
      spans: parts.map(([slot, start, part]) => ({
        sequenceId: slot,
        slot,
        start,
        tokens: part,
        output: true,
        outputFrom: 0,
      })),
      rows: parts.reduce((sum, [, , part]) => sum + part.length, 0),
      embeds: true,
    });
    const alone = (input: readonly Token[]): number => {
      const { runner } = opened;
      expect(runner.decode(batchOf([[0, 0, input]]))).toBe('ok');
      const relevance = runner.relevance(0);
      runner.removeCells(0, 0, -1);
      return relevance;
    };

    test('it says what it is', () => {
      expect(opened.runner.info).toMatchObject({ kind: 'reranking', causal });
      expect(opened.runner.info.embedding).toBeUndefined();
      expect(opened.runner.info.reranking).toBeDefined();
    });

    test('relevances are between 0 and 1, the same each time, and of every token', () => {
      const found = inputs.map(alone);
      for (const relevance of found) {
        expect(relevance).toBeGreaterThan(0);
        expect(relevance).toBeLessThan(1);
      }
      expect(inputs.map(alone)).toEqual(found);
      const [first = [], ...others] = inputs;
      for (const at of [0, 7, first.length - 1]) expect(alone(first.with(at, 251))).not.toBe(found[0]);
      expect(others.map(alone)).not.toContain(found[0]);
    });

    test('inputs in one batch have what each has alone, by their slots', () => {
      const found = inputs.map(alone);
      const { runner } = opened;
      const slots = [2, 0, 3];
      expect(runner.decode(batchOf(inputs.map((input, index) => [slots[index] ?? 0, 0, input])))).toBe('ok');
      for (const [index, slot] of slots.entries())
        expect(Math.abs(runner.relevance(slot) - (found[index] ?? NaN))).toBeLessThan(tolerance);
      expect(() => runner.relevance(1)).toThrow('relevance');
      expect(() => runner.relevance(99)).toThrow('lot 99 ');
    });

    test.runIf(causal)('an input is read in parts, the last of which tells', () => {
      const { runner } = opened;
      const [whole = []] = inputs;
      const expected = alone(whole);
      const { spans, rows } = batchOf([[1, 0, whole.slice(0, -1)]]);
      expect(
        runner.decode({ spans: spans.map((span) => ({ ...span, output: false, outputFrom: rows })), rows }),
      ).toBe('ok');
      expect(() => runner.relevance(1)).toThrow('relevance');
      expect(runner.decode(batchOf([[1, rows, whole.slice(-1)]]))).toBe('ok');
      expect(Math.abs(runner.relevance(1) - expected)).toBeLessThan(tolerance);
    });

    test('there are none after the end', () => {
      opened.runner.dispose();
      expect(() => opened.runner.relevance(0)).toThrow('freed');
    });
  });
}
