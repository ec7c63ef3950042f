import { allCodePoints, codePoints, contains, type CodePoints } from './code-points.js';
import type { Expression } from './expression.js';
import { anyOf, inOrder } from './gbnf-text.js';
import { limits } from './limits.js';

/** A text as a whole must be of this expression, or must not be. */
export interface TextCondition {
  readonly expression: Expression;
  readonly isNegated: boolean;
}

/** The conditions together come to more than can be computed. */
export class AutomatonTooLarge extends Error {}

interface Edge {
  readonly of: CodePoints;
  readonly to: number;
}

/** A nondeterministic automaton over characters. */
interface Machine {
  readonly edges: Edge[][];
  readonly jumps: number[][];
  readonly end: number;
  readonly isNegated: boolean;
}

/** By machine, the states that it may be in, sorted. */
type Place = readonly (readonly number[])[];

/**
 * GBNF rules for the texts that satisfy all conditions: the product of their automata, made deterministic (Rabin and Scott
 * 1959), one rule for each state.
 * @param name of the first rule; the others are named after it
 * @param character how one character of some is written
 * @throws AutomatonTooLarge
 */
export function automatonRules(
  conditions: readonly TextCondition[],
  name: string,
  character: (of: CodePoints) => string,
): Map<string, string> {
  const machines = conditions.map(toMachine);
  const alphabet = alphabetOf(machines);
  const names = new Map<string, string>();
  const places: Place[] = [];
  let work = 0;
  const nameOf = (place: Place): string => {
    const key = place.map((states) => states.join()).join(';');
    let known = names.get(key);
    if (known === undefined) {
      known = places.length === 0 ? name : `${name}-s${places.length}`;
      names.set(key, known);
      places.push(place);
      if (places.length > limits.automatonStates) throw new AutomatonTooLarge();
    }
    return known;
  };
  nameOf(machines.map((machine) => closure(machine, [0])));
  const rules = new Map<string, string>();
  for (let index = 0; index < places.length; index++) {
    const place = places[index] as Place;
    const ways = new Map<string, CodePoints[]>();
    for (const { first, points } of alphabet) {
      work += place.reduce((sum, states) => sum + states.length, 1);
      if (work > limits.automatonWork) throw new AutomatonTooLarge();
      const next = machines.map((machine, one) => step(machine, place[one] ?? [], first));
      // Where a machine that must match can not go on, nothing can.
      if (next.some((states, one) => states.length === 0 && machines[one]?.isNegated === false)) continue;
      const target = nameOf(next);
      ways.set(target, [...(ways.get(target) ?? []), points]);
    }
    const options = [...ways].map(([target, points]) =>
      inOrder(character(codePoints(points.flat())), target),
    );
    const mayEnd = machines.every(
      ({ end, isNegated }, one) => (place[one]?.includes(end) === true) !== isNegated,
    );
    if (mayEnd) options.push('');
    rules.set(
      names.get(place.map((states) => states.join()).join(';')) ?? name,
      options.length === 0 ? '[]' : anyOf(options),
    );
  }
  return rules;
}

/** Sets of characters that no edge tells apart, each with one of them. */
function alphabetOf(machines: readonly Machine[]): { first: number; points: CodePoints }[] {
  const classes = new Map<string, CodePoints>();
  for (const { edges } of machines)
    for (const { of } of edges.flat()) classes.set(of.map((range) => range.join('-')).join(), of);
  const begins = new Set(allCodePoints.map(([first]) => first));
  for (const points of classes.values()) {
    for (const [first, last] of points) {
      begins.add(first);
      begins.add(last === 0xd7ff ? 0xe000 : last + 1);
    }
  }
  begins.delete(0x110000);
  const sorted = [...begins].toSorted((a, b) => a - b);
  const letters = new Map<string, { first: number; points: [number, number][] }>();
  for (const [index, first] of sorted.entries()) {
    const last = (sorted[index + 1] ?? 0x110000) - 1;
    const key = [...classes.values()].map((points) => (contains(points, first) ? '1' : '0')).join('');
    const letter = letters.get(key);
    if (letter === undefined) letters.set(key, { first, points: [[first, last]] });
    else letter.points.push([first, last]);
  }
  return [...letters.values()].map(({ first, points }) => ({ first, points: codePoints(points) }));
}

function closure({ jumps }: Machine, states: readonly number[]): number[] {
  const seen = new Set(states);
  const todo = [...states];
  for (let state = todo.pop(); state !== undefined; state = todo.pop()) {
    for (const to of jumps[state] ?? []) {
      if (seen.has(to)) continue;
      seen.add(to);
      todo.push(to);
    }
  }
  return [...seen].toSorted((a, b) => a - b);
}

function step(machine: Machine, states: readonly number[], point: number): number[] {
  const reached: number[] = [];
  for (const state of states) {
    for (const { of, to } of machine.edges[state] ?? []) if (contains(of, point)) reached.push(to);
  }
  return reached.length === 0 ? [] : closure(machine, reached);
}

function toMachine({ expression, isNegated }: TextCondition): Machine {
  const edges: Edge[][] = [];
  const jumps: number[][] = [];
  const add = (): number => {
    if (edges.length >= limits.expressionStates) throw new AutomatonTooLarge();
    jumps.push([]);
    return edges.push([]) - 1;
  };
  const draw = (one: Expression, from: number): number => {
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
