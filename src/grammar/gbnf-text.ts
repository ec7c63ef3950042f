import { HeddleError } from '../core/errors.js';
import type { CodePoints } from './code-points.js';

/** Rules of GBNF: by name, what is right of `::=`. Where it has alternatives, it stands in parentheses. */
export type GbnfRules = ReadonlyMap<string, string>;

/** A rule together with all that it needs. */
export interface NamedGrammar {
  /** Of the rule that others may refer to. */
  readonly name: string;
  readonly rules: GbnfRules;
}

/** Exactly this text. */
export function literal(text: string): string {
  let written = '';
  for (const character of text) written += escaped(character.codePointAt(0) ?? 0, /["\\]/);
  return `"${written}"`;
}

/** One of these characters. */
export function characterClass(points: CodePoints): string {
  const one = (point: number): string => escaped(point, /[[\]\\^-]/);
  return `[${points.map(([first, last]) => (first === last ? one(first) : `${one(first)}-${one(last)}`)).join('')}]`;
}

function escaped(point: number, special: RegExp): string {
  const character = String.fromCodePoint(point);
  if (point < 0x20 || (point >= 0x7f && point <= 0xffff)) return `\\u${hex(point, 4)}`;
  if (point > 0xffff) return `\\U${hex(point, 8)}`;
  return special.test(character) ? (character === '^' ? '\\x5E' : `\\${character}`) : character;
}

function hex(point: number, digits: number): string {
  return point.toString(16).toUpperCase().padStart(digits, '0');
}

/** Any of these, as one item. */
export function anyOf(options: readonly string[]): string {
  const different = [...new Set(options)];
  return different.length === 1
    ? (different[0] ?? '')
    : `( ${different.map((one) => (one === '' ? '""' : one)).join(' | ')} )`;
}

/** One after the other. */
export function inOrder(...items: readonly string[]): string {
  return items.filter((item) => item !== '').join(' ');
}

/** @param item one item: what was made by the functions here, but for {@link inOrder} */
export function repeated(item: string, least: number, most: number): string {
  if (most === 0) return '';
  if (least === 1 && most === 1) return item;
  const one = /[*+?}]$/.test(item) ? `( ${item} )` : item;
  if (least === 0 && most === 1) return `${one}?`;
  if (most === Infinity) return least === 0 ? `${one}*` : least === 1 ? `${one}+` : `${one}{${least},}`;
  return least === most ? `${one}{${least}}` : `${one}{${least},${most}}`;
}

/** Several items as one. */
export function group(...items: readonly string[]): string {
  return `( ${inOrder(...items)} )`;
}

/**
 * A whole grammar of parts.
 * @param root what the rule `root` says; it may refer to the rules of the parts by their names
 * @throws HeddleError `internal_error` when two parts have different rules of one name: give their makers different names
 */
export function composeGrammar({ root, rules }: { root: string; rules: readonly NamedGrammar[] }): string {
  const all = new Map([['root', root]]);
  for (const part of rules) {
    for (const [name, text] of part.rules) {
      const known = all.get(name);
      if (known !== undefined && known !== text)
        throw new HeddleError('internal_error', `Two parts of a grammar have a rule named "${name}".`);
      all.set(name, text);
    }
  }
  return [...all].map(([name, text]) => `${name} ::= ${text === '' ? '""' : text}\n`).join('');
}
