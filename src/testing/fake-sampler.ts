import { HeddleError } from '../core/errors.js';
import type { SamplingParams, Token } from '../core/generation.js';
import type { Sampler } from '../core/model-runner.js';
import type { TokenGuide } from '../core/token-guide.js';
import type { FakeOptions } from './fake-options.js';
import { endToken, fakeTokenize, fakeVocabularySize } from './fake-vocabulary.js';

/** Beyond what any sum of noise, bias and penalties reaches. */
const certain = 1000;

/** The stages of llama.cpp's sampler chain, done by hand over a small vocabulary. */
export class FakeSampler implements Sampler {
  readonly #params: SamplingParams;
  readonly #logitsOf: (row: number) => Float64Array;
  readonly #checkToken: (token: Token) => void;
  readonly #ignoreEos: boolean;
  readonly #random: () => number;
  readonly #script: readonly Token[] | undefined;
  readonly #endAfter: number | undefined;
  readonly #seen: Set<Token>;
  readonly #drawn = new Map<Token, number>();
  #count = 0;
  #disposed = false;

  constructor(
    params: SamplingParams,
    options: { seed: number; prompt: readonly Token[]; ignoreEos: boolean },
    model: {
      fake: FakeOptions;
      logitsOf: (row: number) => Float64Array;
      /** Throws for a token that the model does not have, and when it is gone. */
      checkToken: (token: Token) => void;
    },
  ) {
    const unknown = params.logitBias.find(
      ([token]) => !Number.isInteger(token) || token < 0 || token >= fakeVocabularySize,
    );
    if (unknown !== undefined)
      throw new HeddleError('invalid_parameter', `${unknown[0]} is not a token of the fake model.`);
    this.#params = params;
    this.#logitsOf = model.logitsOf;
    this.#checkToken = model.checkToken;
    this.#ignoreEos = options.ignoreEos;
    this.#random = randomFrom(options.seed);
    const script = scriptFor(model.fake, options.prompt);
    this.#script =
      script === undefined ? undefined : fakeTokenize(script, { addSpecial: false, parseSpecial: true });
    this.#endAfter = model.fake.endAfter;
    this.#seen = new Set(options.prompt);
  }

  sample(row: number, guide?: TokenGuide): Token {
    if (this.#disposed) throw new HeddleError('handle_disposed', 'The fake sampler was already freed.');
    const logits = this.#logitsOf(row);
    this.#steer(logits);
    this.#bias(logits);
    this.#penalize(logits);
    let token = this.#pick(logits);
    for (let draws = 0; draws < (guide?.redraws ?? 0) && guide?.allows(token) === false; draws++) {
      logits[token] = -Infinity;
      token = this.#pick(logits);
    }
    if (guide?.allows(token) === false) {
      const allowed = guide.allowed();
      for (const other of logits.keys())
        if ((((allowed[other >>> 5] ?? 0) >>> (other & 31)) & 1) === 0) logits[other] = -Infinity;
      token = this.#pick(logits);
    }
    this.#remember(token);
    this.#count++;
    return token;
  }

  accept(token: Token): void {
    if (this.#disposed) throw new HeddleError('handle_disposed', 'The fake sampler was already freed.');
    this.#checkToken(token);
    this.#remember(token);
  }

  dispose(): void {
    this.#disposed = true;
  }

  #pick(logits: Float64Array): Token {
    return this.#params.temperature === 0 ? mostLikely(logits) : this.#draw(logits);
  }

  #remember(token: Token): void {
    this.#seen.add(token);
    this.#drawn.set(token, (this.#drawn.get(token) ?? 0) + 1);
  }

  /** Makes the token certain that the model's options ask for. */
  #steer(logits: Float64Array): void {
    if (this.#script !== undefined) logits[this.#script[this.#count] ?? endToken] = certain;
    else if (this.#endAfter !== undefined && this.#count >= this.#endAfter) logits[endToken] = certain;
  }

  #bias(logits: Float64Array): void {
    for (const [token, bias] of this.#params.logitBias) logits[token] = (logits[token] ?? 0) + bias;
    if (this.#ignoreEos) logits[endToken] = -Infinity;
  }

  #penalize(logits: Float64Array): void {
    const { repetitionPenalty, presencePenalty, frequencyPenalty } = this.#params;
    for (const token of this.#seen) {
      const logit = logits[token] ?? 0;
      logits[token] = logit > 0 ? logit / repetitionPenalty : logit * repetitionPenalty;
    }
    for (const [token, times] of this.#drawn) {
      logits[token] = (logits[token] ?? 0) - presencePenalty - times * frequencyPenalty;
    }
  }

  #draw(logits: Float64Array): Token {
    const { temperature, topK, topP, minP } = this.#params;
    let candidates = Array.from(logits, (logit, token) => ({ token, logit }))
      .filter(({ logit }) => logit > -Infinity)
      .toSorted((a, b) => b.logit - a.logit);
    if (topK > 0) candidates = candidates.slice(0, topK);
    if (topP < 1) candidates = nucleus(candidates, topP);
    if (minP > 0) {
      const least = (candidates[0]?.logit ?? 0) + Math.log(minP);
      candidates = candidates.filter(({ logit }) => logit >= least);
    }
    const weights = softmax(candidates.map(({ logit }) => logit / temperature));
    let left = this.#random();
    for (const [index, { token }] of candidates.entries()) {
      left -= weights[index] ?? 0;
      if (left < 0) return token;
    }
    return candidates.at(-1)?.token ?? endToken;
  }
}

function scriptFor({ scripts, scriptedText }: FakeOptions, prompt: readonly Token[]): string | undefined {
  if (scripts.length === 0) return scriptedText;
  const text = Buffer.from(prompt.filter((token) => token < 256)).toString();
  return scripts.find(([inPrompt]) => text.includes(inPrompt))?.[1] ?? scriptedText;
}

/** The smallest set of most likely candidates whose probabilities sum to `topP`. */
function nucleus<T extends { logit: number }>(candidates: T[], topP: number): T[] {
  let sum = 0;
  const weights = softmax(candidates.map(({ logit }) => logit));
  const last = weights.findIndex((weight) => (sum += weight) >= topP);
  return last < 0 ? candidates : candidates.slice(0, last + 1);
}

function softmax(logits: readonly number[]): number[] {
  const highest = Math.max(...logits);
  const powers = logits.map((logit) => Math.exp(logit - highest));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}

function mostLikely(logits: Float64Array): Token {
  let best = 0;
  for (let token = 1; token < logits.length; token++) {
    if ((logits[token] ?? -Infinity) > (logits[best] ?? -Infinity)) best = token;
  }
  return best;
}

/** Numbers in [0, 1): Tommy Ettinger's mulberry32. */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
