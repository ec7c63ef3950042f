import { AutomatonTooLarge, AutomatonWork } from './automaton-work.js';
import { allCodePoints, codePoints, contains, type CodePoints } from './code-points.js';
import type { Expression } from './expression.js';
import { anyOf, inOrder } from './gbnf-text.js';
import { limits } from './limits.js';

/** A text as a whole must be of this expression, or must not be. */
export interface TextCondition {
  readonly expression: Expression;
  readonly isNegated: boolean;
}

interface Edge {
  readonly of: CodePoints;
  readonly to: number;
}

/** Characters that no edge tells apart, and one of them. */
interface Letter {
  readonly first: number;
  readonly points: CodePoints;
}

/** Of making a set of states and its key, however small, next to looking at one more state. */
const costOfSet = 4;

/** A nondeterministic automaton over characters. */
interface Machine {
  readonly edges: Edge[][];
  readonly jumps: number[][];
  readonly end: number;
  readonly isNegated: boolean;
}

/**
 * GBNF rules for the texts that satisfy all conditions: the product of their automata, made deterministic (Rabin and Scott
 * 1959), one rule for each state.
 * @param name of the first rule; the others are named after it
 * @param character how one character of some is written
 * @param whole what it may take together with other automata
 * @throws AutomatonTooLarge
 */
export function automatonRules(
  conditions: readonly TextCondition[],
  name: string,
  character: (of: CodePoints) => string,
  whole?: AutomatonWork,
): Map<string, string> {
  const work = new AutomatonWork(limits.automatonWork, whole);
  const machines = conditions.map((condition) => toMachine(condition, work));
  const letters = alphabetOf(machines, work);
  const automata = machines.map((machine) => new Deterministic(machine, letters, work));
  const names = new Map<string, string>();
  const places: { readonly name: string; readonly states: readonly number[] }[] = [];
  const nameOf = (states: readonly number[]): string => {
    const key = states.join();
    let known = names.get(key);
    if (known === undefined) {
      known = places.length === 0 ? name : `${name}-s${places.length}`;
      names.set(key, known);
      places.push({ name: known, states });
      if (places.length > limits.automatonStates) throw new AutomatonTooLarge();
    }
    return known;
  };
  nameOf(automata.map((automaton) => automaton.start));
  const rules = new Map<string, string>();
  for (const place of places) {
    const ways = new Map<string, CodePoints[]>();
    for (const [letter, { points }] of letters.entries()) {
      work.spend(automata.length + points.length);
      const next = automata.map((automaton, index) => automaton.after(place.states[index] ?? 0, letter));
      // Where one can not come to an end that is allowed any more, no text does.
      if (next.some((state, index) => automata[index]?.isLost(state) === true)) continue;
      const target = nameOf(next);
      const sets = ways.get(target);
      if (sets === undefined) ways.set(target, [points]);
      else sets.push(points);
    }
    const options = [...ways].map(([target, points]) =>
      inOrder(character(codePoints(points.flat())), target),
    );
    if (automata.every((automaton, index) => automaton.mayEnd(place.states[index] ?? 0))) options.push('');
    rules.set(place.name, options.length === 0 ? '[]' : anyOf(options));
  }
  return rules;
}

/** A machine made deterministic, as far as it is asked for. Its states are sets of the machine's. */
class Deterministic {
  readonly #machine: Machine;
  readonly #letters: readonly Letter[];
  readonly #work: AutomatonWork;
  readonly #numbers = new Map<string, number>();
  readonly #sets: (readonly number[])[] = [];
  readonly #ends: boolean[] = [];
  /** By state, what each letter leads to. */
  readonly #next: (number | undefined)[][] = [];
  readonly start: number;

  constructor(machine: Machine, letters: readonly Letter[], work: AutomatonWork) {
    this.#machine = machine;
    this.#letters = letters;
    this.#work = work;
    this.start = this.#numberOf([0]);
  }

  after(state: number, letter: number): number {
    const row = this.#next[state] ?? [];
    const known = row[letter];
    if (known !== undefined) return known;
    const { first = 0 } = this.#letters[letter] ?? {};
    const reached: number[] = [];
    const states = this.#sets[state] ?? [];
    for (const from of states) {
      const edges = this.#machine.edges[from] ?? [];
      this.#work.spend(1 + edges.length);
      for (const { of, to } of edges) if (contains(of, first)) reached.push(to);
    }
    return (row[letter] = this.#numberOf(reached));
  }

  mayEnd(state: number): boolean {
    return (this.#ends[state] === true) !== this.#machine.isNegated;
  }

  /** No text that goes on from here is allowed. */
  isLost(state: number): boolean {
    return this.#sets[state]?.length === 0 && !this.#machine.isNegated;
  }

  #numberOf(reached: readonly number[]): number {
    this.#work.spend(costOfSet);
    const seen = new Set(reached);
    const todo = [...reached];
    for (let state = todo.pop(); state !== undefined; state = todo.pop()) {
      const jumps = this.#machine.jumps[state] ?? [];
      this.#work.spend(1 + jumps.length);
      for (const to of jumps) {
        if (seen.has(to)) continue;
        seen.add(to);
        todo.push(to);
      }
    }
    const set = [...seen].toSorted((x, y) => x - y);
    const key = set.join();
    let number = this.#numbers.get(key);
    if (number === undefined) {
      number = this.#sets.push(set) - 1;
      this.#numbers.set(key, number);
      this.#ends.push(seen.has(this.#machine.end));
      this.#next.push([]);
    }
    return number;
  }
}

/** Sets of characters that no edge tells apart, each with one of them: partition refinement. */
function alphabetOf(machines: readonly Machine[], work: AutomatonWork): Letter[] {
  // What is repeated is one set in many places: it is looked at once.
  const sets = new Set(machines.flatMap(({ edges }) => edges.flatMap((ways) => ways.map(({ of }) => of))));
  const classes = new Map<string, CodePoints>();
  for (const of of sets) {
    work.spend(of.length);
    classes.set(of.map((range) => range.join('-')).join(), of);
  }
  const begins = new Set(allCodePoints.map(([first]) => first));
  for (const points of classes.values()) {
    for (const [first, last] of points) {
      begins.add(first);
      begins.add(last === 0xd7ff ? 0xe000 : last + 1);
    }
  }
  begins.delete(0x110000);
  const sorted = [...begins].toSorted((a, b) => a - b);
  const places = new Map(sorted.map((first, index) => [first, index]));
  /** By place, the set that it is in so far. */
  const parts = sorted.map(() => 0);
  let count = 1;
  for (const points of classes.values()) {
    const split = new Map<number, number>();
    for (const [first, last] of points) {
      for (let place = places.get(first) ?? 0; (sorted[place] ?? Infinity) <= last; place++) {
        work.spend(1);
        const from = parts[place] ?? 0;
        let to = split.get(from);
        if (to === undefined) split.set(from, (to = count++));
        parts[place] = to;
      }
    }
  }
  const letters = new Map<number, { first: number; points: [number, number][] }>();
  for (const [place, first] of sorted.entries()) {
    const last = (sorted[place + 1] ?? 0x110000) - 1;
    const part = parts[place] ?? 0;
    const letter = letters.get(part);
    if (letter === undefined) letters.set(part, { first, points: [[first, last]] });
    else letter.points.push([first, last]);
  }
  return [...letters.values()].map(({ first, points }) => ({ first, points: codePoints(points) }));
}

function toMachine({ expression, isNegated }: TextCondition, work: AutomatonWork): Machine {
  const edges: Edge[][] = [];
  const jumps: number[][] = [];
  const add = (): number => {
    if (edges.length >= limits.expressionStates) throw new AutomatonTooLarge();
    jumps.push([]);
    return edges.push([]) - 1;
  };
  const draw = (one: Expression, from: number): number => {
    work.spend(1);
    switch (one.kind) {
      case 'text':
        return Array.from(one.text).reduce((at, character) => {
          const to = add();
          const point = character.codePointAt(0) ?? 0;
          edges[at]?.push({ of: [[point, point]], to });
          return to;
        }, from);
      case 'character': {
        const to = add();
        edges[from]?.push({ of: one.of, to });
        return to;
      }
      case 'sequence':
        return one.items.reduce((at, item) => draw(item, at), from);
      case 'choice': {
        const to = add();
        for (const option of one.options) {
          const begin = add();
          jumps[from]?.push(begin);
          jumps[draw(option, begin)]?.push(to);
        }
        return to;
      }
      case 'repeat': {
        let at = from;
        for (let count = 0; count < one.least; count++) at = draw(one.item, at);
        const to = add();
        if (one.most === Infinity) {
          jumps[at]?.push(to);
          jumps[draw(one.item, to)]?.push(to);
          return to;
        }
        for (let count = one.least; count < one.most; count++) {
          jumps[at]?.push(to);
          at = draw(one.item, at);
        }
        jumps[at]?.push(to);
        return to;
      }
      case 'rule':
      case 'token':
        throw new AutomatonTooLarge('rules and tokens have no automaton');
    }
  };
  const end = draw(expression, add());
  return { edges, jumps, end, isNegated };
}
