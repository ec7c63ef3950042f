/**
 * A grammar as a recursive transition network (Woods 1970): each rule is an automaton over bytes, in which an edge can
 * call another rule. States are numbers, and only those are left from which the end of their rule can be reached.
 */
export interface Network {
  readonly states: readonly NetworkState[];
  /** By rule, the state in which it begins. */
  readonly starts: readonly number[];
  /** By rule: it can be read without reading anything. */
  readonly empties: readonly boolean[];
  /** The rule that a whole text must be of. */
  readonly root: number;
  /** By byte value: bytes of one class are on the same edges everywhere. */
  readonly byteClasses: Uint8Array;
  /** By class, one of its bytes. */
  readonly classBytes: readonly number[];
}

/** A place in a rule, and where it goes on. */
export interface NetworkState {
  readonly bytes: readonly { readonly first: number; readonly last: number; readonly to: number }[];
  readonly tokens: readonly { readonly token: number; readonly to: number }[];
  readonly calls: readonly { readonly rule: number; readonly to: number }[];
  /** Where it is as well, without reading anything. */
  readonly jumps: readonly number[];
  /** The rule may end here. */
  readonly ends: boolean;
  /** The rule ends here, and nothing of it can follow. */
  readonly onlyEnds: boolean;
}
