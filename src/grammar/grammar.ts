import { isOver, type Call, type GrammarState, type Reading } from './grammar-state.js';
import { grammarError } from './grammar-error.js';
import { GrammarMemory, type Forgetful } from './grammar-memory.js';
import { readGbnf } from './gbnf-reader.js';
import { joinedRoot, joinedRules } from './joined-rules.js';
import { limits } from './limits.js';
import type { Network } from './network.js';
import { buildNetwork, type FindToken } from './network-builder.js';

/** Of a state or a call: the object, its lists, its place in a map. */
const bytesOfEach = 240;
/** Of a reading or a return: an object of two fields, and the place of it in a list. */
const bytesOfPair = 48;
const bytesOfSlot = 8;

/** A call of which more callers may be found while the same place of the text is looked at. */
interface OpenCall {
  readonly returns: { state: number; call: Call | OpenCall }[];
  /** Set once all callers are known. */
  closed?: Call;
}

/**
 * A grammar that texts are read by, byte for byte.
 *
 * The readings of a text are kept as one stack with shared parts (Tomita's graph-structured stack, as in generalised LL
 * parsing, Scott and Johnstone 2010), so that a grammar with many readings costs time that is polynomial in them, not
 * exponential. Calls after which the same may follow are one, and states made of the same readings too: so
 * what a byte leads to is computed once for all places where the same may follow, and texts in a grammar that does
 * not nest deeply are soon read from tables.
 *
 * States are values: they can be kept, shared and gone on from any number of times. Synchronous, for one thread.
 */
export class Grammar implements Forgetful {
  readonly #network: Network;
  readonly #root: Call = { id: 0, returns: [] };
  readonly #calls = new Map<string, Call>();
  readonly #states = new Map<string, GrammarState>();
  readonly #memory: GrammarMemory;
  #nextId = 1;
  #work = 0;
  #keptBytes = 0;
  readonly start: GrammarState;

  /**
   * @param source GBNF, whose root is the rule `root`
   * @param options.opening GBNF of what stands before it
   * @param options.findToken for tokens that the grammar names by their text; without it none is known
   * @param options.param path of the request field that it came in, for errors
   * @param options.memory what it may keep together with other grammars; as much as all of them when absent
   * @throws HeddleError `invalid_parameter` when it can not be read or used
   */
  constructor(
    source: string,
    options: { opening?: string; findToken?: FindToken; param?: string; memory?: GrammarMemory } = {},
  ) {
    const { opening, findToken = () => undefined, param, memory = new GrammarMemory() } = options;
    this.#memory = memory;
    memory.join(this);
    const rules = readGbnf(source, param);
    this.#network =
      opening === undefined
        ? buildNetwork(rules, { findToken, param })
        : buildNetwork(joinedRules(readGbnf(opening), rules), { findToken, root: joinedRoot, param });
    const { starts, root } = this.#network;
    const start = this.#settle([{ state: starts[root] ?? 0, call: this.#root }]);
    if (start === null || isOver(start))
      throw grammarError('The grammar allows nothing but the empty text.', param);
    this.start = start;
  }

  /** By byte value, its class: the index of what it leads to in a state's `next`. */
  get byteClasses(): Uint8Array {
    return this.#network.byteClasses;
  }

  /** States of its network, a count. */
  get size(): number {
    return this.#network.states.length;
  }

  /** How many of the 256 bytes may follow. */
  width(state: GrammarState): number {
    let width = 0;
    for (const byteClass of this.#network.byteClasses) if (this.#next(state, byteClass) !== null) width++;
    return width;
  }

  /** Readings looked at so far, a count: what the grammar has cost. */
  get work(): number {
    return this.#work;
  }

  /** Bytes of the states that are kept and of what they refer to, roughly. */
  get keptBytes(): number {
    return this.#keptBytes;
  }

  /**
   * Where a byte leads; null when it can not follow.
   * @throws HeddleError `invalid_parameter` when the text has too many readings
   */
  afterByte(state: GrammarState, byte: number): GrammarState | null {
    const byteClass = this.#network.byteClasses[byte] as number;
    return this.#next(state, byteClass);
  }

  /** Where a text leads; null when it can not follow. @throws HeddleError as {@link afterByte} */
  afterBytes(state: GrammarState, bytes: Uint8Array): GrammarState | null {
    let at: GrammarState | null = state;
    for (const byte of bytes) {
      at = this.afterByte(at, byte);
      if (at === null) return null;
    }
    return at;
  }

  /**
   * Where a token leads: its text, or the token itself where the grammar names it; null when it can not follow. A token
   * without text can only follow where it is named.
   * @throws HeddleError as {@link afterByte}
   */
  afterToken(state: GrammarState, token: number, bytes: Uint8Array): GrammarState | null {
    const read = bytes.length === 0 ? null : this.afterBytes(state, bytes);
    const named = this.#named(state, token);
    if (named.length === 0) return read;
    return this.#settle([...named, ...(read?.readings ?? [])], read?.isComplete === true);
  }

  /** The tokens that the grammar names here. */
  namedTokens(state: GrammarState): readonly number[] {
    const { states } = this.#network;
    return state.readings.flatMap((reading) => states[reading.state]?.tokens.map(({ token }) => token) ?? []);
  }

  #named(state: GrammarState, token: number): Reading[] {
    const readings: Reading[] = [];
    for (const { state: at, call } of state.readings) {
      for (const edge of this.#network.states[at]?.tokens ?? [])
        if (edge.token === token) readings.push({ state: edge.to, call });
    }
    return readings;
  }

  #next(state: GrammarState, byteClass: number): GrammarState | null {
    const known = state.next[byteClass];
    return known === undefined ? this.#computeNext(state, byteClass) : known;
  }

  #computeNext(state: GrammarState, byteClass: number): GrammarState | null {
    const byte = this.#network.classBytes[byteClass] as number;
    const readings: Reading[] = [];
    for (const { state: at, call } of state.readings) {
      for (const { first, last, to } of this.#network.states[at]?.bytes ?? [])
        if (first <= byte && byte <= last) readings.push({ state: to, call });
    }
    this.#work += state.readings.length;
    const next = readings.length === 0 ? null : this.#settle(readings);
    state.next[byteClass] = next;
    return next;
  }

  /** Follows all that reads nothing: jumps, calls and ends of rules. */
  #settle(begun: readonly Reading[], alreadyComplete = false): GrammarState | null {
    const { states, starts, empties } = this.#network;
    const seen = new Map<Call | OpenCall, Set<number>>();
    const opened = new Map<number, OpenCall>();
    const todo: { state: number; call: Call | OpenCall }[] = [];
    let [isComplete, count] = [alreadyComplete, 0];
    const reach = (state: number, call: Call | OpenCall): void => {
      let known = seen.get(call);
      if (known === undefined) seen.set(call, (known = new Set()));
      if (known.has(state)) return;
      known.add(state);
      if (++count > limits.readings)
        throw grammarError(
          `The grammar allows too many readings of one text: more than ${limits.readings} at once.`,
          undefined,
        );
      todo.push({ state, call });
    };
    const kept: { state: number; call: Call | OpenCall }[] = [];
    for (const { state, call } of begun) reach(state, call);
    for (let reading = todo.pop(); reading !== undefined; reading = todo.pop()) {
      const { call } = reading;
      const state = states[reading.state];
      if (state === undefined) continue;
      if (state.bytes.length > 0 || state.tokens.length > 0) kept.push(reading);
      for (const to of state.jumps) reach(to, call);
      for (const { rule, to } of state.calls) {
        if (empties[rule] === true) reach(to, call);
        const start = starts[rule] ?? 0;
        if (states[to]?.onlyEnds === true) {
          reach(start, call); // nothing is left to do here when the rule ends, so it may as well return to the caller
          continue;
        }
        let open = opened.get(rule);
        if (open === undefined) opened.set(rule, (open = { returns: [] }));
        open.returns.push({ state: to, call });
        reach(start, open);
      }
      // A rule that ends where it began has read nothing, and its callers went on already.
      if (!state.ends || !('id' in call)) continue;
      if (call === this.#root) isComplete = true;
      for (const { state: to, call: caller } of call.returns) reach(to, caller);
    }
    this.#work += count;
    if (kept.length === 0 && !isComplete) return null;
    return this.#intern(
      kept.map(({ state, call }) => ({ state, call: this.#close(call) })),
      isComplete,
    );
  }

  #close(call: Call | OpenCall): Call {
    if ('id' in call) return call;
    if (call.closed !== undefined) return call.closed;
    const returns = new Map<string, { state: number; call: Call }>();
    for (const { state, call: caller } of call.returns) {
      const closed = this.#close(caller);
      returns.set(`${state}.${closed.id}`, { state, call: closed });
    }
    const key = [...returns.keys()].toSorted().join();
    let closed = this.#calls.get(key);
    if (closed === undefined) {
      closed = { id: this.#nextId++, returns: [...returns.values()] };
      this.#calls.set(key, closed);
      this.#keep(key, returns.size, 0);
    }
    call.closed = closed;
    return closed;
  }

  #intern(readings: readonly Reading[], isComplete: boolean): GrammarState {
    const byKey = new Map(readings.map((reading) => [`${reading.state}.${reading.call.id}`, reading]));
    const key = `${isComplete ? 1 : 0},${[...byKey.keys()].toSorted().join()}`;
    const known = this.#states.get(key);
    if (known !== undefined) return known;
    if (this.#states.size >= limits.keptStates) {
      this.#memory.shrink(this.#keptBytes);
      this.forget();
    }
    const next = this.#network.classBytes.map((): GrammarState | null | undefined => undefined);
    const state = { id: this.#nextId++, mark: {}, readings: [...byKey.values()], isComplete, next };
    this.#states.set(key, state);
    this.#keep(key, byKey.size, next.length);
    return state;
  }

  /** What is forgotten may be what was just made: it stays good for who asked for it. */
  #keep(key: string, pairs: number, slots: number): void {
    const bytes = bytesOfEach + key.length + pairs * bytesOfPair + slots * bytesOfSlot;
    this.#keptBytes += bytes;
    this.#memory.grow(bytes);
  }

  /** States that are still in use stay as they are; those that come after them are made anew. */
  forget(): void {
    for (const state of this.#states.values()) state.next.fill(undefined);
    this.#states.clear();
    this.#calls.clear();
    this.#keptBytes = 0;
  }
}
