import type { Token } from '../core/generation.js';
import { noDraft, type Draft, type Drafter } from './drafter.js';
import { commonBefore, NgramTable } from './ngram-table.js';

/** Tokens that must be the same for a place to be looked at, the longest first. */
const lengths = [4, 3, 2] as const;

/** Tokens in common with the earlier place from which on a draft has the next grade. */
const gradeLengths = [4, 10] as const;

/**
 * Drafts what followed the last tokens of the sequence when they were there before: in the prompt, or in what was
 * generated. Where the earlier place reaches up to the end, the sequence goes round in circles, and so does the draft.
 *
 * Prompt lookup decoding (Saxena, 2023), with the latest occurrence of the longest n-gram, as llama.cpp's and vLLM's.
 */
export class NgramDrafter implements Drafter {
  readonly #tables = lengths.map((length) => new NgramTable(length));

  propose(tokens: readonly Token[], most: number): Draft {
    // Every table is asked, so that all of them keep up with the tokens.
    const from = this.#tables.map((table) => table.find(tokens)).find((place) => place !== undefined);
    if (from === undefined || most < 1) return noDraft;
    const period = tokens.length - from;
    const draft: Token[] = [];
    for (let index = 0; index < most; index++) {
      const token = index < period ? tokens[from + index] : draft[index - period];
      if (token === undefined) break;
      draft.push(token);
    }
    const common = commonBefore(tokens, from, gradeLengths[1]);
    return { tokens: draft, grade: gradeLengths.filter((length) => common >= length).length };
  }
}
