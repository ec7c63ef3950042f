import { describe, expect, test } from 'vitest';
import type { Batch } from '../core/batch.js';
import { createSequence, type RowResults, type Sequence } from '../core/sequence.js';
import { StepRows, type StepLimits } from './step-rows.js';

const limits: StepLimits = { stepBudget: 32, outputRows: 8, causal: true };

let lastId = 0;

/** A sequence in a slot, with so many tokens computed. */
function sequence(length: number, results?: RowResults, computed = 0): Sequence {
  const id = ++lastId;
  const tokens = Array.from({ length }, (_, index) => index);
  return Object.assign(createSequence(id, tokens, { results }), { slot: id, computed });
}

const generating = (): Sequence => sequence(10, undefined, 9);
const scored = (length: number, from: number, computed = 0): Sequence =>
  sequence(length, { from, embeds: false }, computed);
const embedded = (length: number, from = 0, computed = 0): Sequence =>
  sequence(length, { from, embeds: true }, computed);

function stepOf(sequences: readonly Sequence[], room: StepLimits = limits): Batch {
  const rows = new StepRows(room);
  for (const one of sequences) rows.add(one);
  return rows.batch;
}

/** Rows of each span, and how many of them have results of their own. */
function shape({ spans }: Batch): [rows: number, outputs: number][] {
  return spans.map(({ tokens, output, outputFrom }) => [
    tokens.length,
    outputFrom === undefined ? Number(output) : tokens.length - outputFrom,
  ]);
}

describe('a step that computes no embeddings', () => {
  test('has as many rows with results as there may be, and fills up with others', () => {
    expect(shape(stepOf([scored(30, 10), sequence(40)]))).toEqual([
      [18, 8],
      [14, 0],
    ]);
  });

  test('lets a score begin where its prompt does, and go on where it stands', () => {
    expect(shape(stepOf([scored(30, 20)]))).toEqual([[28, 8]]);
    expect(shape(stepOf([scored(30, 20, 28)]))).toEqual([[2, 2]]);
  });

  test('has a row with a result for every sequence that generates', () => {
    const sequences = [generating(), generating(), generating(), scored(20, 0)];
    expect(shape(stepOf(sequences))).toEqual([
      [1, 1],
      [1, 1],
      [1, 1],
      [5, 5],
    ]);
  });

  test('leaves the last row of a prompt to another step when there are too many results', () => {
    expect(shape(stepOf([scored(20, 0), sequence(4)]))).toEqual([
      [8, 8],
      [3, 0],
    ]);
  });

  test('takes the rows of an embedding that come before its first result, and no more', () => {
    const batch = stepOf([embedded(20, 19)]);
    expect(shape(batch)).toEqual([[19, 0]]);
    expect(batch.embeds).toBeUndefined();
  });

  test('has no rows of embeddings once a prompt came first', () => {
    const batch = stepOf([generating(), sequence(5), embedded(6)]);
    expect(shape(batch)).toEqual([
      [1, 1],
      [5, 1],
    ]);
    expect(batch.embeds).toBeUndefined();
  });
});

describe('a step that computes embeddings', () => {
  test('counts every row as one with a result', () => {
    const batch = stepOf([generating(), embedded(3), sequence(20), scored(10, 5)]);
    expect(batch).toMatchObject({ rows: 8, embeds: true });
    expect(shape(batch)).toEqual([
      [1, 1],
      [3, 3],
      [4, 0],
    ]);
  });

  test('computes several inputs at once, and a long one in parts', () => {
    expect(shape(stepOf([embedded(3), embedded(20)]))).toEqual([
      [3, 3],
      [5, 5],
    ]);
    expect(shape(stepOf([embedded(20, 19, 19)]))).toEqual([[1, 1]]);
  });

  test('is bound by its rows as well', () => {
    expect(shape(stepOf([embedded(20)], { ...limits, stepBudget: 6 }))).toEqual([[6, 6]]);
  });
});

describe('a step of a model that reads inputs whole', () => {
  const whole: StepLimits = { stepBudget: 16, outputRows: 16, causal: false };

  test('has only inputs that fit it', () => {
    expect(shape(stepOf([embedded(10), embedded(7), embedded(6)], whole))).toEqual([
      [10, 10],
      [6, 6],
    ]);
  });

  test('has one that fills it', () => {
    expect(shape(stepOf([embedded(16), embedded(1)], whole))).toEqual([[16, 16]]);
  });
});
