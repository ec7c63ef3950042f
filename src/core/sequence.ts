import type { Token } from './generation.js';
import { plainStanding, type Standing } from './standing.js';

/** What is wanted of a sequence's rows, where it is not the next token. */
export interface RowResults {
  /** Position of the first row with a result; all behind it have one too. */
  readonly from: number;
  /** The results are embeddings; else logits. */
  readonly embeds: boolean;
}

/**
 * The token state of one continuation, or of one input that is scored or embedded. It has no phases: `computed` catches up with `tokens`, whether those are prompt,
 * generated, or both again after the sequence lost its cells.
 *
 * Only the scheduler changes a sequence.
 */
export interface Sequence {
  readonly id: number;
  /** Prompt, then what was generated. */
  readonly tokens: Token[];
  readonly promptLength: number;
  /** How many of `tokens` the slot holds in the KV cache. */
  computed: number;
  /** The lane it occupies, while it is running. */
  slot: number | undefined;
  /** The sequence that computes the same prompt, which this one waits for instead of computing it again. */
  leader: Sequence | undefined;
  /** Undefined where tokens are generated: then the last row's logits are wanted. */
  readonly results: RowResults | undefined;
  /** That of its request. */
  readonly standing: Standing;
  /** Those of one scope may share cells, also after they have finished; undefined shares with nobody. */
  readonly scope: string | undefined;
  /** Where its messages end, in tokens; ascending. */
  readonly boundaries: readonly number[];
  /** Positions at which its prompt's rows of a step end, because the state there is wanted; ascending. */
  stops: readonly number[];
  /** What another tier of the cache has of it is still being put into its slot: it is computed after that. */
  restoring: boolean;
  /** Tokens that were in the KV cache, or in another tier of the prefix cache, when it first had a slot. */
  reused: number | undefined;
}

export function createSequence(
  id: number,
  prompt: readonly Token[],
  {
    leader,
    results,
    standing = plainStanding,
    scope,
    boundaries = [],
  }: {
    readonly leader?: Sequence | undefined;
    readonly results?: RowResults | undefined;
    readonly standing?: Standing;
    readonly scope?: string | undefined;
    readonly boundaries?: readonly number[];
  } = {},
): Sequence {
  return {
    id,
    tokens: [...prompt],
    promptLength: prompt.length,
    computed: 0,
    slot: undefined,
    leader,
    results,
    standing,
    scope,
    boundaries,
    stops: [],
    restoring: false,
    reused: undefined,
  };
}
