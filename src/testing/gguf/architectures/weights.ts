import { elementCount, type GgufTensorType } from '../gguf-format.js';
import type { Fill, GgufTensor } from '../gguf-writer.js';
import { Random, seedFor } from '../random.js';
import type { FixtureTokenizer } from '../fixture-tokenizer.js';

/** Standard deviation of the logits: of a few units, as in a trained model. */
const logitDeviation = 4;

/** The weight of a matrix at one place; `row` counts outputs, `column` inputs. */
export type WeightOf = (row: number, column: number, random: Random) => number;

/**
 * How loud a token's row in the output matrix is. Rows of control tokens, of padding and of bytes that are no text by
 * themselves are muted: greedy text is clean and does not end by itself.
 */
function rowLevel(tokenizer: FixtureTokenizer, id: number): number {
  return tokenizer.isText(id) ? 1 : 0.05;
}

/**
 * The tensors of a model in the making. Weights are random; every tensor has a random sequence of its own, so that
 * its values depend on the seed and its name alone.
 *
 * A matrix's `gain` says how it scales: fed with independent inputs of deviation 1, it gives outputs of deviation
 * `gain`. So activations keep their size through any number of layers and nothing overflows.
 */
export class Weights {
  readonly tensors: GgufTensor[] = [];
  readonly #seed: number;
  readonly #matrixType: GgufTensorType;

  /** @param matrixType the type of all matrices; vectors are F32 always */
  constructor(seed: number, matrixType: GgufTensorType) {
    this.#seed = seed;
    this.#matrixType = matrixType;
  }

  /** A matrix from `inputs` to `outputs` values; shape (inputs, outputs), or (inputs, outputs, experts). */
  matrix(name: string, inputs: number, outputs: number, gain = 1, experts?: number): void {
    const shape = experts === undefined ? [inputs, outputs] : [inputs, outputs, experts];
    this.#normal(name, this.#matrixType, shape, gain / Math.sqrt(inputs));
  }

  /**
   * A matrix whose outputs are added to the residual stream. It writes nothing to channel 0, which stays as the
   * embedding has it (see look-back.ts).
   */
  projection(name: string, inputs: number, outputs: number, gain: number): void {
    const seed = seedFor(this.#seed, name);
    const deviation = gain / Math.sqrt(inputs);
    this.tensors.push({
      name,
      type: this.#matrixType,
      shape: [inputs, outputs],
      open: () => normalVariates(new Random(seed), deviation, inputs),
    });
  }

  /** Normal variates in F32, for small tensors that llama.cpp does not take in another type. */
  normal(name: string, shape: readonly number[], deviation: number): void {
    this.#normal(name, 'F32', shape, deviation);
  }

  /** A tensor with the given values. */
  values(name: string, shape: readonly number[], values: readonly number[]): void {
    if (values.length !== elementCount(shape)) throw new RangeError(`${name}: ${values.length} values`);
    this.tensors.push({ name, type: 'F32', shape, open: () => copying(values) });
  }

  /** A tensor filled with one value: the weight of a norm. */
  constant(name: string, length: number, value = 1): void {
    this.values(name, [length], Array<number>(length).fill(value));
  }

  /** A matrix whose weights are given by a function, called row by row; `random` gives normal variates. */
  computed(name: string, inputs: number, outputs: number, weightOf: WeightOf): void {
    this.tensors.push({
      name,
      type: this.#matrixType,
      shape: [inputs, outputs],
      open: () => computing(new Random(seedFor(this.#seed, name)), inputs, weightOf),
    });
  }

  /**
   * The token embedding: every element is plus or minus `magnitude`, the first (see look-back.ts) always plus. Signs
   * survive the first norm and the f16 of the KV cache without any rounding.
   */
  embedding(width: number, vocabularySize: number, magnitude: number): void {
    this.computed('token_embd.weight', width, vocabularySize, (_, column, random) =>
      column === 0 || random.uniform() < 0.5 ? magnitude : -magnitude,
    );
  }

  /** The output matrix, after the final norm, whose outputs have deviation 1. */
  output(width: number, tokenizer: FixtureTokenizer): void {
    const deviation = logitDeviation / Math.sqrt(width);
    this.computed(
      'output.weight',
      width,
      tokenizer.tokens.length,
      (id, _, random) => random.normal() * deviation * rowLevel(tokenizer, id),
    );
  }

  /** An embedding that is the output matrix as well. */
  tiedEmbedding(width: number, tokenizer: FixtureTokenizer): void {
    const magnitude = logitDeviation / Math.sqrt(width);
    this.computed('token_embd.weight', width, tokenizer.tokens.length, (id, column, random) => {
      const sign = column === 0 || random.uniform() < 0.5 ? 1 : -1;
      return sign * magnitude * rowLevel(tokenizer, id);
    });
  }

  #normal(name: string, type: GgufTensorType, shape: readonly number[], deviation: number): void {
    const seed = seedFor(this.#seed, name);
    this.tensors.push({
      name,
      type,
      shape,
      open: () => normalVariates(new Random(seed), deviation),
    });
  }
}

function copying(values: readonly number[]): Fill {
  let next = 0;
  return (target) => {
    for (let i = 0; i < target.length; i++) target[i] = values[next++] ?? 0;
  };
}

/** @param zeros how many zeros come first */
function normalVariates(random: Random, deviation: number, zeros = 0): Fill {
  let pending = zeros;
  return (target) => {
    const start = Math.min(pending, target.length);
    pending -= start;
    target.fill(0, 0, start);
    for (let i = start; i < target.length; i++) target[i] = random.normal() * deviation;
  };
}

function computing(random: Random, rowLength: number, weightOf: WeightOf): Fill {
  let row = 0;
  let column = 0;
  return (target) => {
    for (let i = 0; i < target.length; i++) {
      target[i] = weightOf(row, column, random);
      column++;
      if (column === rowLength) {
        column = 0;
        row++;
      }
    }
  };
}
