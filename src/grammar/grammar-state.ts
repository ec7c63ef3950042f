/** A rule that is being read: where those who called it go on when it ends. None for the root. */
export interface Call {
  readonly id: number;
  readonly returns: readonly { readonly state: number; readonly call: Call }[];
}

/** One way in which a text may have been read: a state of the network, and the call that it is in. */
export interface Reading {
  readonly state: number;
  readonly call: Call;
}

/** All that matters of a text that was read: what may follow it. Two texts after which the same may follow have one. */
export interface GrammarState {
  readonly id: number;
  /** Stands for the state where something is kept of it that must not keep the state. */
  readonly mark: object;
  /** Only those that something can follow. */
  readonly readings: readonly Reading[];
  /** The text is whole. */
  readonly isComplete: boolean;
  /** By byte class, where a byte leads: null for nowhere, undefined when it is not known yet. */
  readonly next: (GrammarState | null | undefined)[];
}

/** Nothing may follow, and it is complete. */
export function isOver(state: GrammarState): boolean {
  return state.isComplete && state.readings.length === 0;
}
