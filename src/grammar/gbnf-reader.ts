import { codePoints, complement, allCodePoints, type CodePointRange } from './code-points.js';
import { nothing, type Expression } from './expression.js';
import { grammarError } from './grammar-error.js';
import { limits } from './limits.js';

/** The rules of a grammar by name, in the order in which they were written. */
export type Rules = ReadonlyMap<string, Expression>;

/**
 * Reads GBNF, llama.cpp's notation of grammars (grammars/README.md there): all of it but negated tokens, `!<...>`.
 * @param param path of the request field that it came in, for errors
 * @throws HeddleError `invalid_parameter` with the line
 */
export function readGbnf(source: string, param?: string): Rules {
  return new GbnfReader(source, param).read();
}

const wordCharacter = /[A-Za-z0-9-]/;

class GbnfReader {
  readonly #source: string;
  readonly #param: string | undefined;
  #at = 0;
  #depth = 0;

  constructor(source: string, param: string | undefined) {
    this.#source = source;
    this.#param = param;
    if (source.length > limits.grammarCharacters)
      throw grammarError(
        `A grammar may have ${limits.grammarCharacters} characters; this one has ${source.length}.`,
        param,
      );
  }

  read(): Rules {
    const rules = new Map<string, Expression>();
    this.#skipSpace(true);
    while (this.#at < this.#source.length) {
      const name = this.#name();
      this.#skipSpace(false);
      if (!this.#take('::=')) throw this.#error('"::=" is expected');
      this.#skipSpace(true);
      if (rules.has(name)) throw this.#error(`the rule "${name}" is written twice`);
      rules.set(name, this.#choice(false));
      if (rules.size > limits.rules) throw this.#error(`a grammar may have ${limits.rules} rules`);
      if (this.#at < this.#source.length && !/[\r\n]/.test(this.#peek()))
        throw this.#error(`"${this.#peek()}" is not expected`);
      this.#skipSpace(true);
    }
    return rules;
  }

  #choice(nested: boolean): Expression {
    const options = [this.#sequence(nested)];
    while (this.#take('|')) {
      this.#skipSpace(true);
      options.push(this.#sequence(nested));
    }
    const [only] = options;
    return options.length === 1 && only !== undefined ? only : { kind: 'choice', options };
  }

  #sequence(nested: boolean): Expression {
    const items: Expression[] = [];
    for (;;) {
      const item = this.#item();
      if (item !== undefined) items.push(item);
      else if (!this.#repeatLast(items, nested)) break;
      this.#skipSpace(nested);
    }
    const [only] = items;
    if (only === undefined) return nothing;
    return items.length === 1 ? only : { kind: 'sequence', items };
  }

  #item(): Expression | undefined {
    const next = this.#peek();
    if (next === '"') return this.#text();
    if (next === '[') return this.#characterClass();
    if (next === '<') return this.#token();
    if (next === '!') throw this.#error('tokens that are excluded, as in "!<...>", are not supported');
    if (next === '(') return this.#group();
    if (this.#take('.')) return { kind: 'character', of: allCodePoints };
    return wordCharacter.test(next) ? { kind: 'rule', name: this.#name() } : undefined;
  }

  #group(): Expression {
    this.#at++;
    if (++this.#depth > limits.nesting)
      throw this.#error(`parentheses may be nested ${limits.nesting} times`);
    this.#skipSpace(true);
    const inner = this.#choice(true);
    if (!this.#take(')')) throw this.#error('")" is expected');
    this.#depth--;
    return inner;
  }

  #repeatLast(items: Expression[], nested: boolean): boolean {
    const times = this.#times(nested);
    if (times === undefined) return false;
    const item = items.pop();
    if (item === undefined) throw this.#error('there is nothing before this that could be repeated');
    const [least, most] = times;
    if (least > most) throw this.#error(`{${least},${most}} is no range`);
    if (Math.max(least, most === Infinity ? 0 : most) > limits.repetitions)
      throw this.#error(`something may be repeated ${limits.repetitions} times, or without a limit`);
    let depth = 0;
    for (let inner = item; inner.kind === 'repeat'; inner = inner.item) depth++;
    if (depth > limits.nesting) throw this.#error(`repetitions may be nested ${limits.nesting} times`);
    items.push({ kind: 'repeat', item, least, most });
    return true;
  }

  #times(nested: boolean): [least: number, most: number] | undefined {
    if (this.#take('*')) return [0, Infinity];
    if (this.#take('+')) return [1, Infinity];
    if (this.#take('?')) return [0, 1];
    if (!this.#take('{')) return undefined;
    this.#skipSpace(nested);
    const least = this.#number();
    this.#skipSpace(nested);
    let most = least;
    if (this.#take(',')) {
      this.#skipSpace(nested);
      most = /\d/.test(this.#peek()) ? this.#number() : Infinity;
      this.#skipSpace(nested);
    }
    if (!this.#take('}')) throw this.#error('"}" is expected');
    return [least, most];
  }

  #number(): number {
    const digits = /^\d+/.exec(this.#source.slice(this.#at, this.#at + 10))?.[0];
    if (digits === undefined) throw this.#error('a number is expected');
    this.#at += digits.length;
    return Number(digits);
  }

  #text(): Expression {
    this.#at++;
    let text = '';
    while (!this.#take('"')) text += String.fromCodePoint(this.#character());
    return { kind: 'text', text };
  }

  #characterClass(): Expression {
    this.#at++;
    const isNegated = this.#take('^');
    const ranges: CodePointRange[] = [];
    while (!this.#take(']')) {
      const first = this.#character();
      const isRange = this.#peek() === '-' && this.#source[this.#at + 1] !== ']';
      if (isRange) this.#at++;
      ranges.push([first, isRange ? this.#character() : first]);
    }
    const of = codePoints(ranges);
    return { kind: 'character', of: isNegated ? complement(of) : of };
  }

  #token(): Expression {
    const end = this.#source.indexOf('>', this.#at);
    const written = this.#source.slice(this.#at, end + 1);
    if (end < 0 || written.length > limits.tokenCharacters || /[\r\n]/.test(written))
      throw this.#error('a token must end with ">"');
    this.#at = end + 1;
    const id = /^<\[(\d{1,9})\]>$/.exec(written)?.[1];
    return { kind: 'token', token: id === undefined ? written : Number(id) };
  }

  #character(): number {
    const codePoint = this.#source.codePointAt(this.#at);
    if (codePoint === undefined) throw this.#error('the grammar ends in the middle of a text');
    this.#at += codePoint > 0xffff ? 2 : 1;
    if (codePoint !== 0x5c) return this.#checked(codePoint);
    const escaped = this.#peek();
    this.#at++;
    switch (escaped) {
      case 'x':
        return this.#hex(2);
      case 'u':
        return this.#hex(4);
      case 'U':
        return this.#hex(8);
      case 't':
        return 9;
      case 'r':
        return 13;
      case 'n':
        return 10;
      case '\\':
      case '"':
      case '[':
      case ']':
      case '-':
        return escaped.charCodeAt(0);
      default:
        throw this.#error(`"\\${escaped}" is no escape`);
    }
  }

  #hex(digits: number): number {
    const written = this.#source.slice(this.#at, this.#at + digits);
    if (written.length < digits || !/^[0-9A-Fa-f]+$/.test(written))
      throw this.#error(`${digits} hexadecimal digits are expected`);
    this.#at += digits;
    return this.#checked(Number.parseInt(written, 16));
  }

  #checked(codePoint: number): number {
    if (codePoint > 0x10ffff || (codePoint >= 0xd800 && codePoint <= 0xdfff))
      throw this.#error(`U+${codePoint.toString(16).toUpperCase()} is no character`);
    return codePoint;
  }

  #name(): string {
    const start = this.#at;
    while (wordCharacter.test(this.#peek())) this.#at++;
    if (this.#at === start) throw this.#error('the name of a rule is expected');
    return this.#source.slice(start, this.#at);
  }

  /** Spaces and comments. @param lines may go on in the next line */
  #skipSpace(lines: boolean): void {
    for (;;) {
      const next = this.#peek();
      if (next === '#') {
        while (this.#at < this.#source.length && !/[\r\n]/.test(this.#peek())) this.#at++;
      } else if (next === ' ' || next === '\t' || (lines && (next === '\r' || next === '\n'))) this.#at++;
      else return;
    }
  }

  #peek(): string {
    return this.#source[this.#at] ?? '';
  }

  #take(text: string): boolean {
    if (!this.#source.startsWith(text, this.#at)) return false;
    this.#at += text.length;
    return true;
  }

  #error(what: string): Error {
    const line = this.#source.slice(0, this.#at).split('\n').length;
    return grammarError(`The grammar can not be read: ${what}, in line ${line}.`, this.#param);
  }
}
