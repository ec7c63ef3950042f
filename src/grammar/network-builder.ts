import { byteClassesOf } from './byte-classes.js';
import type { Expression } from './expression.js';
import { grammarError } from './grammar-error.js';
import type { Rules } from './gbnf-reader.js';
import { limits } from './limits.js';
import type { Network, NetworkState } from './network.js';
import { utf8Sequences } from './utf8-sequences.js';

/** Which token a text of the vocabulary is; undefined when it is none. */
export type FindToken = (text: string) => number | undefined;

interface DraftState {
  bytes: { first: number; last: number; to: number }[];
  tokens: { token: number; to: number }[];
  calls: { rule: number; to: number }[];
  jumps: number[];
  ends: boolean;
  onlyEnds: boolean;
}

/** Most states have one edge: lists that would be empty are one. */
const none: never[] = [];

function push<K extends 'bytes' | 'tokens' | 'calls' | 'jumps'>(
  state: Pick<DraftState, K>,
  kind: K,
  edge: DraftState[K][number],
): void {
  const edges: DraftState[K][number][] = state[kind];
  if (edges.length > 0) edges.push(edge);
  else state[kind] = [edge] as DraftState[K];
}

/** So many copies of an expression are written out; more are calls of a rule. */
const fewCopies = 2;

/**
 * Makes the network of rules (Thompson's construction), and takes out of it what leads nowhere.
 * @param options.findToken for tokens that the grammar names by their text
 * @param options.root the rule that is a whole text; `root` when absent
 * @param options.param path of the request field that the grammar came in, for errors
 * @throws HeddleError `invalid_parameter` when there is no such rule, a rule is missing, there are no texts of the
 *   grammar, a rule begins with itself, or it is too large
 */
export function buildNetwork(
  rules: Rules,
  options: { findToken: FindToken; root?: string; param?: string | undefined },
): Network {
  return new NetworkBuilder(rules, options.findToken, options.param).build(options.root ?? 'root');
}

class NetworkBuilder {
  readonly #rules: Rules;
  readonly #findToken: FindToken;
  readonly #param: string | undefined;
  readonly #states: DraftState[] = [];
  readonly #starts: number[] = [];
  readonly #names: string[] = [];
  readonly #numbers = new Map<string, number>();

  constructor(rules: Rules, findToken: FindToken, param: string | undefined) {
    this.#rules = rules;
    this.#findToken = findToken;
    this.#param = param;
  }

  build(rootName: string): Network {
    for (const name of this.#rules.keys()) this.#newRule(name);
    const root = this.#numbers.get(rootName);
    if (root === undefined)
      throw grammarError(`A grammar must have a rule named "${rootName}".`, this.#param);
    for (const [name, expression] of this.#rules) this.#fill(this.#numbers.get(name) ?? 0, expression);
    const live = this.#liveStates();
    if (!live.rules.has(root))
      throw grammarError(
        'No text at all is of this grammar: each of its ways goes on for ever.',
        this.#param,
      );
    this.#prune(live);
    const empties = this.#emptyRules();
    this.#refuseLeftRecursion(empties);
    const onlyEnds = this.#onlyEnds();
    for (const [index, state] of this.#states.entries()) state.onlyEnds = onlyEnds[index] ?? false;
    const states: readonly NetworkState[] = this.#states;
    return { states, starts: this.#starts, empties, root, ...byteClassesOf(states) };
  }

  #newRule(name: string): number {
    const number = this.#starts.length;
    this.#numbers.set(name, number);
    this.#names.push(name);
    this.#starts.push(this.#newState());
    return number;
  }

  #newState(): number {
    if (this.#states.length >= limits.states)
      throw grammarError(
        `The grammar is too large: with what is repeated in it, it comes to more than ${limits.states} states.`,
        this.#param,
      );
    this.#states.push({ bytes: none, tokens: none, calls: none, jumps: none, ends: false, onlyEnds: false });
    return this.#states.length - 1;
  }

  #state(index: number): DraftState {
    return this.#states[index] as DraftState;
  }

  #fill(rule: number, expression: Expression): void {
    const end = this.#add(expression, this.#starts[rule] ?? 0);
    this.#state(end).ends = true;
  }

  /** Adds the ways of an expression that begin in a state. @returns the state in which all of them end */
  #add(expression: Expression, from: number): number {
    switch (expression.kind) {
      case 'text':
        return this.#addText(expression.text, from);
      case 'character': {
        const to = this.#newState();
        for (const sequence of utf8Sequences(expression.of)) this.#addSequence(sequence, from, to);
        return to;
      }
      case 'rule': {
        const rule = this.#numbers.get(expression.name);
        if (rule === undefined)
          throw grammarError(`The grammar has no rule named "${expression.name}".`, this.#param);
        return this.#addCall(rule, from);
      }
      case 'token': {
        const to = this.#newState();
        push(this.#state(from), 'tokens', { token: this.#tokenOf(expression.token), to });
        return to;
      }
      case 'sequence':
        return expression.items.reduce((at, item) => this.#add(item, at), from);
      case 'choice': {
        const to = this.#newState();
        for (const option of expression.options) {
          const begin = this.#newState();
          push(this.#state(from), 'jumps', begin);
          push(this.#state(this.#add(option, begin)), 'jumps', to);
        }
        return to;
      }
      case 'repeat':
        return this.#addRepeat(expression, from);
    }
  }

  #addText(text: string, from: number): number {
    let at = from;
    for (const byte of new TextEncoder().encode(text)) {
      const to = this.#newState();
      push(this.#state(at), 'bytes', { first: byte, last: byte, to });
      at = to;
    }
    return at;
  }

  #addSequence(sequence: readonly (readonly [number, number])[], from: number, to: number): void {
    let at = from;
    for (const [index, [first, last]] of sequence.entries()) {
      const next = index === sequence.length - 1 ? to : this.#newState();
      push(this.#state(at), 'bytes', { first, last, to: next });
      at = next;
    }
  }

  #addCall(rule: number, from: number): number {
    const to = this.#newState();
    push(this.#state(from), 'calls', { rule, to });
    return to;
  }

  #addRepeat({ item, least, most }: Extract<Expression, { kind: 'repeat' }>, from: number): number {
    const copies = most === Infinity ? least + 1 : most;
    const isSmall = item.kind === 'rule' || item.kind === 'token' || copies <= fewCopies;
    const rule = isSmall ? undefined : this.#newRule('');
    if (rule !== undefined) this.#fill(rule, item);
    const add = (at: number): number => (rule === undefined ? this.#add(item, at) : this.#addCall(rule, at));
    let at = from;
    for (let count = 0; count < least; count++) at = add(at);
    if (most === Infinity) {
      const loop = this.#newState();
      push(this.#state(at), 'jumps', loop);
      push(this.#state(add(loop)), 'jumps', loop);
      return loop;
    }
    const to = this.#newState();
    for (let count = least; count < most; count++) {
      push(this.#state(at), 'jumps', to);
      at = add(at);
    }
    push(this.#state(at), 'jumps', to);
    return to;
  }

  #tokenOf(token: number | string): number {
    const found = typeof token === 'number' ? token : this.#findToken(token);
    if (found !== undefined) return found;
    throw grammarError(`${String(token)} is not one token of this model.`, this.#param);
  }

  /** The states from which the end of their rule can be reached, and the rules that have an end. */
  #liveStates(): { states: ReadonlySet<number>; rules: ReadonlySet<number> } {
    return this.#reach({ reads: true });
  }

  /** By rule: it can be read without reading anything. */
  #emptyRules(): boolean[] {
    const { rules } = this.#reach({ reads: false });
    return this.#starts.map((_, rule) => rules.has(rule));
  }

  /**
   * The states from which the end of their rule can be reached by jumps, by edges that read something where that is allowed,
   * and by calls of rules of which the same is true of their start.
   */
  #reach({ reads }: { reads: boolean }): {
    states: ReadonlySet<number>;
    rules: ReadonlySet<number>;
  } {
    const comingFrom = new Lists<number>(this.#states.length);
    const callers = new Lists<{ rule: number; from: number }>(this.#states.length);
    const callsOf = new Lists<{ from: number; to: number }>(this.#starts.length);
    for (const [from, state] of this.#states.entries()) {
      for (const to of state.jumps) comingFrom.add(to, from);
      if (reads) for (const { to } of state.bytes) comingFrom.add(to, from);
      if (reads) for (const { to } of state.tokens) comingFrom.add(to, from);
      for (const { rule, to } of state.calls) {
        callers.add(to, { rule, from });
        callsOf.add(rule, { from, to });
      }
    }
    const ruleOfStart = new Map(this.#starts.map((start, rule) => [start, rule]));
    const states = new Set<number>();
    const rules = new Set<number>();
    const todo: number[] = [];
    const reach = (state: number): void => {
      if (states.has(state)) return;
      states.add(state);
      todo.push(state);
    };
    for (const [index, { ends }] of this.#states.entries()) if (ends) reach(index);
    for (let state = todo.pop(); state !== undefined; state = todo.pop()) {
      comingFrom.forEach(state, reach);
      callers.forEach(state, (call) => {
        if (rules.has(call.rule)) reach(call.from);
      });
      const rule = ruleOfStart.get(state);
      if (rule === undefined) continue;
      rules.add(rule);
      callsOf.forEach(rule, ({ from, to }) => {
        if (states.has(to)) reach(from);
      });
    }
    return { states, rules };
  }

  #prune({ states, rules }: { states: ReadonlySet<number>; rules: ReadonlySet<number> }): void {
    if (states.size === this.#states.length && rules.size === this.#starts.length) return;
    for (const state of this.#states) {
      state.bytes = state.bytes.filter(({ to }) => states.has(to));
      state.tokens = state.tokens.filter(({ to }) => states.has(to));
      state.jumps = state.jumps.filter((to) => states.has(to));
      state.calls = state.calls.filter(({ rule, to }) => rules.has(rule) && states.has(to));
    }
  }

  /** A rule that calls itself before it has read anything would be called for ever. */
  #refuseLeftRecursion(empties: readonly boolean[]): void {
    const first = this.#starts.map((start) => this.#firstCalls(start, empties));
    const done = new Set<number>();
    for (const root of first.keys()) {
      const path = [{ rule: root, left: [...(first[root] ?? [])] }];
      const onPath = new Set([root]);
      while (path.length > 0) {
        const here = path.at(-1) as (typeof path)[number];
        const next = here.left.pop();
        if (next === undefined) {
          done.add(here.rule);
          onPath.delete(here.rule);
          path.pop();
        } else if (onPath.has(next)) {
          const name = this.#names[next] ?? '';
          const which = name === '' ? 'A repetition' : `The rule "${name}"`;
          throw grammarError(`${which} can begin with itself, so that reading it never ends.`, this.#param);
        } else if (!done.has(next)) {
          onPath.add(next);
          path.push({ rule: next, left: [...(first[next] ?? [])] });
        }
      }
    }
  }

  /** The rules that can be called from a state before anything is read. */
  #firstCalls(start: number, empties: readonly boolean[]): ReadonlySet<number> {
    const calls = new Set<number>();
    const seen = new Set([start]);
    const todo = [start];
    const reach = (state: number): void => {
      if (seen.has(state)) return;
      seen.add(state);
      todo.push(state);
    };
    for (let at = todo.pop(); at !== undefined; at = todo.pop()) {
      const state = this.#state(at);
      for (const to of state.jumps) reach(to);
      for (const { rule, to } of state.calls) {
        calls.add(rule);
        if (empties[rule] === true) reach(to);
      }
    }
    return calls;
  }

  /** Of each state, whether all that can follow is the end of its rule. */
  #onlyEnds(): boolean[] {
    const comingFrom = new Lists<number>(this.#states.length);
    const open = this.#states.map(({ jumps }) => jumps.length);
    for (const [from, { jumps }] of this.#states.entries()) for (const to of jumps) comingFrom.add(to, from);
    const onlyEnds = this.#states.map(() => false);
    const todo: number[] = [];
    const readsNothing = ({ bytes, tokens, calls }: DraftState): boolean =>
      bytes.length === 0 && tokens.length === 0 && calls.length === 0;
    for (const [index, state] of this.#states.entries())
      if (state.jumps.length === 0 && readsNothing(state)) todo.push(index);
    for (let state = todo.pop(); state !== undefined; state = todo.pop()) {
      onlyEnds[state] = true;
      comingFrom.forEach(state, (from) => {
        open[from] = (open[from] ?? 0) - 1;
        if (open[from] === 0 && readsNothing(this.#state(from))) todo.push(from);
      });
    }
    return onlyEnds;
  }
}

/** Lists by number, most of them short or empty. */
class Lists<T> {
  readonly #heads: Int32Array;
  readonly #items: T[] = [];
  /** By item, the one before it in its list; -1 for none. */
  readonly #before: number[] = [];

  constructor(count: number) {
    this.#heads = new Int32Array(count).fill(-1);
  }

  add(index: number, item: T): void {
    this.#before.push(this.#heads[index] ?? -1);
    this.#heads[index] = this.#items.push(item) - 1;
  }

  forEach(index: number, visit: (item: T) => void): void {
    for (let at = this.#heads[index] ?? -1; at >= 0; at = this.#before[at] as number)
      visit(this.#items[at] as T);
  }
}
