import {
  allCodePoints,
  codePoints,
  complement,
  type CodePointRange,
  type CodePoints,
} from './code-points.js';
import { nothing, type Expression } from './expression.js';
import { limits } from './limits.js';

/** A regular expression: a text matches when one of the alternatives does. */
export type Regex = readonly RegexAlternative[];

export interface RegexAlternative {
  readonly expression: Expression;
  /** It must begin where the text begins (`^`). */
  readonly fromStart: boolean;
  /** It must end where the text ends (`$`). */
  readonly toEnd: boolean;
  /** What the text must begin with, or must not (`^(?=...)`, `^(?!...)`). */
  readonly conditions: readonly RegexCondition[];
}

export interface RegexCondition {
  readonly expression: Expression;
  readonly toEnd: boolean;
  readonly isNegated: boolean;
}

/** Why a regular expression can not be enforced. */
export class RegexProblem extends Error {}

const digits: CodePoints = [[0x30, 0x39]];
const wordCharacters = codePoints([
  [0x30, 0x39],
  [0x41, 0x5a],
  [0x5f, 0x5f],
  [0x61, 0x7a],
]);
const lineEnds: CodePointRange[] = [
  [0x0a, 0x0a],
  [0x0d, 0x0d],
  [0x2028, 0x2029],
];
const spaces = codePoints([
  ...lineEnds,
  [0x09, 0x0d],
  [0x20, 0x20],
  [0xa0, 0xa0],
  [0x1680, 0x1680],
  [0x2000, 0x200a],
  [0x202f, 0x202f],
  [0x205f, 0x205f],
  [0x3000, 0x3000],
  [0xfeff, 0xfeff],
]);

const classes: Readonly<Record<string, CodePoints>> = {
  d: digits,
  D: complement(digits),
  w: wordCharacters,
  W: complement(wordCharacters),
  s: spaces,
  S: complement(spaces),
};
const controls: Readonly<Record<string, number>> = { t: 9, n: 10, v: 11, f: 12, r: 13, '0': 0 };

/**
 * Reads a regular expression in JavaScript's syntax: characters, classes, `\d \w \s` and their opposites, groups, alternatives
 * and quantifiers. `^` and `$` can stand at the ends of the whole expression or of its alternatives; behind a `^` there can be
 * conditions on what follows, `(?=...)` and `(?!...)`, where there are no alternatives.
 * @throws RegexProblem for what else there is: other assertions, references, word boundaries, properties, flags
 */
export function readRegex(source: string): Regex {
  return new RegexReader(source).read();
}

class RegexReader {
  readonly #source: string;
  #at = 0;
  #depth = 0;

  constructor(source: string) {
    if (source.length > limits.patternCharacters)
      throw new RegexProblem(`it may have ${limits.patternCharacters} characters`);
    this.#source = source;
  }

  read(): Regex {
    const alternatives: RegexAlternative[] = [];
    do {
      const fromStart = this.#take('^');
      const conditions = fromStart ? this.#conditions() : [];
      const expression = this.#sequence();
      const toEnd = this.#take('$');
      alternatives.push({ expression, fromStart, toEnd, conditions });
    } while (this.#take('|'));
    if (alternatives.length > 1 && alternatives.some(({ conditions }) => conditions.length > 0))
      throw new RegexProblem('what is ahead can not be asked for in alternatives');
    if (this.#at < this.#source.length) throw this.#problem(this.#peek());
    return alternatives;
  }

  #conditions(): RegexCondition[] {
    const conditions: RegexCondition[] = [];
    for (;;) {
      const isNegated = this.#take('(?!');
      if (!isNegated && !this.#take('(?=')) return conditions;
      const expression = this.#choice();
      const toEnd = this.#take('$');
      if (toEnd && expression.kind === 'choice') throw this.#problem('$');
      if (!this.#take(')')) throw new RegexProblem('a group has no end');
      conditions.push({ expression, toEnd, isNegated });
    }
  }

  #choice(): Expression {
    const options = [this.#sequence()];
    while (this.#take('|')) options.push(this.#sequence());
    const [only] = options;
    if (options.every((option) => option === nothing)) return nothing;
    return options.length === 1 && only !== undefined ? only : { kind: 'choice', options };
  }

  #sequence(): Expression {
    const items: Expression[] = [];
    for (let item = this.#item(); item !== undefined; item = this.#item()) {
      const one = this.#quantified(item);
      // Repeated, it would be drawn each time, and never come to anything.
      if (one !== nothing) items.push(one);
    }
    const [only] = items;
    if (only === undefined) return nothing;
    return items.length === 1 ? only : { kind: 'sequence', items };
  }

  #item(): Expression | undefined {
    const next = this.#peek();
    switch (next) {
      case '':
      case '|':
      case ')':
      case '$':
        return undefined;
      case '(':
        return this.#group();
      case '[':
        return { kind: 'character', of: this.#class() };
      case '.':
        this.#at++;
        return { kind: 'character', of: complement(codePoints(lineEnds)) };
      case '\\': {
        this.#at++;
        const of = this.#escape(false);
        return { kind: 'character', of: typeof of === 'number' ? [[of, of]] : of };
      }
      case '^':
      case '*':
      case '+':
      case '?':
      case '{':
        throw this.#problem(next);
      default: {
        const point = this.#codePoint();
        return { kind: 'character', of: [[point, point]] };
      }
    }
  }

  #group(): Expression {
    this.#at++;
    if (this.#take('?') && !this.#take(':')) {
      const name = /^<[A-Za-z_$][\w$]*>/.exec(this.#source.slice(this.#at, this.#at + 100))?.[0];
      if (name === undefined)
        throw new RegexProblem(`"(?${this.#peek()}" is not supported: what is ahead or behind, and flags`);
      this.#at += name.length;
    }
    if (++this.#depth > limits.nesting)
      throw new RegexProblem(`groups may be nested ${limits.nesting} times`);
    const inner = this.#choice();
    if (this.#peek() === '$') throw this.#problem('$');
    if (!this.#take(')')) throw new RegexProblem('a group has no end');
    this.#depth--;
    return inner;
  }

  #quantified(item: Expression): Expression {
    const times = this.#times();
    if (times === undefined) return item;
    this.#take('?'); // which of several readings is found first makes no difference here
    const [least, most] = times;
    if (least > most) throw new RegexProblem(`{${least},${most}} is no range`);
    if (Math.max(least, most === Infinity ? 0 : most) > limits.repetitions)
      throw new RegexProblem(`something may be repeated ${limits.repetitions} times, or without a limit`);
    if (/[*+?{]/.test(this.#peek())) throw this.#problem(this.#peek());
    return item === nothing || most === 0 ? nothing : { kind: 'repeat', item, least, most };
  }

  #times(): [least: number, most: number] | undefined {
    if (this.#take('*')) return [0, Infinity];
    if (this.#take('+')) return [1, Infinity];
    if (this.#take('?')) return [0, 1];
    const braces = /^\{(\d{1,9})(?:(,)(\d{1,9})?)?\}/.exec(this.#source.slice(this.#at, this.#at + 24));
    if (braces === null) return undefined;
    const [whole, least = '0', comma, most] = braces;
    this.#at += whole.length;
    return [
      Number(least),
      comma === undefined ? Number(least) : most === undefined ? Infinity : Number(most),
    ];
  }

  #class(): CodePoints {
    this.#at++;
    const isNegated = this.#take('^');
    const ranges: CodePointRange[] = [];
    while (!this.#take(']')) {
      const first = this.#classItem();
      if (typeof first !== 'number') {
        ranges.push(...first);
        continue;
      }
      let last = first;
      if (this.#peek() === '-' && this.#source[this.#at + 1] !== ']') {
        this.#at++;
        const end = this.#classItem();
        if (typeof end !== 'number' || end < first)
          throw new RegexProblem('a class has a range that is none');
        last = end;
      }
      ranges.push([first, last]);
    }
    const of = codePoints(ranges);
    return isNegated ? complement(of) : of;
  }

  #classItem(): number | CodePoints {
    if (this.#at >= this.#source.length) throw new RegexProblem('a class has no end');
    return this.#take('\\') ? this.#escape(true) : this.#codePoint();
  }

  #escape(inClass: boolean): number | CodePoints {
    const next = this.#peek();
    this.#at++;
    const known = classes[next];
    if (known !== undefined) return known;
    if (inClass && next === 'b') return 8;
    const control = controls[next];
    if (control !== undefined && !(next === '0' && /\d/.test(this.#peek()))) return control;
    if (next === 'x') return this.#hex(/^[0-9A-Fa-f]{2}/);
    if (next === 'u') {
      const braces = /^\{([0-9A-Fa-f]{1,6})\}/.exec(this.#source.slice(this.#at, this.#at + 8));
      if (braces === null) return this.#hex(/^[0-9A-Fa-f]{4}/);
      this.#at += braces[0].length;
      return this.#checked(Number.parseInt(braces[1] ?? '', 16));
    }
    if (next !== '' && !/[A-Za-z0-9]/.test(next)) {
      this.#at--;
      return this.#codePoint();
    }
    throw new RegexProblem(`"\\${next}" is not supported`);
  }

  #hex(form: RegExp): number {
    const found = form.exec(this.#source.slice(this.#at, this.#at + 4))?.[0];
    if (found === undefined) throw new RegexProblem('an escape lacks hexadecimal digits');
    this.#at += found.length;
    return this.#checked(Number.parseInt(found, 16));
  }

  #codePoint(): number {
    const point = this.#source.codePointAt(this.#at) ?? 0;
    this.#at += point > 0xffff ? 2 : 1;
    return this.#checked(point);
  }

  #checked(point: number): number {
    if (allCodePoints.some(([first, last]) => first <= point && point <= last)) return point;
    throw new RegexProblem('half of a surrogate pair is no character');
  }

  #peek(): string {
    return this.#source[this.#at] ?? '';
  }

  #take(text: string): boolean {
    if (!this.#source.startsWith(text, this.#at)) return false;
    this.#at += text.length;
    return true;
  }

  #problem(what: string): RegexProblem {
    const why =
      what === '^' || what === '$'
        ? 'it can only stand at the ends of the expression or of its alternatives'
        : 'there is nothing there that it could belong to';
    return new RegexProblem(`"${what}" at character ${this.#at} is not supported: ${why}`);
  }
}
