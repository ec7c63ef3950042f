/** Part of what is known that each further draft leaves. */
const memory = 0.85;
/** So many tokens a guess counts for, as if they had been seen. */
const weightOfGuess = 2;

/** How often the next token of a draft is right, if those before it were: estimated from what came of drafts so far. */
export class Acceptance {
  #right: number;
  #seen: number;

  /** @param guess before any was verified, 0 to 1 */
  constructor(guess: number) {
    this.#right = guess * weightOfGuess;
    this.#seen = weightOfGuess;
  }

  /** 0 to 1. */
  get rate(): number {
    return this.#right / this.#seen;
  }

  /** Of `drafted` tokens, the first `accepted` were right; what was behind the first wrong one says nothing. */
  learn(drafted: number, accepted: number): void {
    this.#right = this.#right * memory + accepted;
    this.#seen = this.#seen * memory + accepted + (accepted < drafted ? 1 : 0);
  }
}
