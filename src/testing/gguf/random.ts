const wordRange = 2 ** 32;

const sumMean = 2 * 65535;
/** One over the standard deviation of the sum of four uniform integers in [0, 65535]. */
const sumScale = Math.sqrt(3) / 65536;

/** Mixes a name into a seed: the start of a random sequence of its own for every tensor (FNV-1a). */
export function seedFor(seed: number, name: string): number {
  let hash = (0x811c9dc5 ^ seed) >>> 0;
  for (const byte of Buffer.from(name, 'utf8')) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash;
}

/**
 * A seeded pseudo-random sequence, the same on every machine: xoshiro128** (Blackman and Vigna), started through
 * splitmix32. It uses integer arithmetic only, no Math functions whose last digit a platform may choose.
 */
export class Random {
  readonly #state = new Uint32Array(4);

  constructor(seed: number) {
    let counter = seed >>> 0;
    for (let i = 0; i < 4; i++) {
      counter = (counter + 0x9e3779b9) >>> 0;
      let word = counter;
      word = Math.imul(word ^ (word >>> 16), 0x85ebca6b);
      word = Math.imul(word ^ (word >>> 13), 0xc2b2ae35);
      this.#state[i] = word ^ (word >>> 16);
    }
  }

  /** The next 32 bits. */
  word(): number {
    const state = this.#state;
    const s0 = state[0] ?? 0;
    const s1 = state[1] ?? 0;
    const s2 = (state[2] ?? 0) ^ s0;
    const s3 = (state[3] ?? 0) ^ s1;
    const scrambled = Math.imul(s1, 5);
    const result = Math.imul((scrambled << 7) | (scrambled >>> 25), 9) >>> 0;
    state[1] = s1 ^ s2;
    state[0] = s0 ^ s3;
    state[2] = s2 ^ (s1 << 9);
    state[3] = (s3 << 11) | (s3 >>> 21);
    return result;
  }

  /** Uniform in [0, 1). */
  uniform(): number {
    return this.word() / wordRange;
  }

  /**
   * Close to a standard normal variate: the sum of four uniform 16-bit numbers, brought to mean 0 and standard
   * deviation 1. Its tails end at 3.46, which suits weights that will be quantised.
   */
  normal(): number {
    const first = this.word();
    const second = this.word();
    const sum = (first >>> 16) + (first & 0xffff) + (second >>> 16) + (second & 0xffff);
    return (sum - sumMean) * sumScale;
  }
}
