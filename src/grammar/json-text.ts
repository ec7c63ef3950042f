import { both, codePoints, contains, without, type CodePoints } from './code-points.js';
import { anyOf, characterClass, literal, type NamedGrammar } from './gbnf-text.js';

/** Characters that a JSON string can not have as they are. */
const escapedOnly = codePoints([
  [0, 0x1f],
  [0x22, 0x22],
  [0x5c, 0x5c],
]);

/** What JSON may have between its tokens: one space, or a new line with its indentation. It can not be padded for ever. */
export const space = 'json-space';

/** Characters that a JSON string can have as they are. */
export const plainCharacters: CodePoints = without(codePoints([[0, 0x10ffff]]), escapedOnly);

const anyPlain = characterClass(plainCharacters);

/** A character that a JSON string has as an escape: a pair of surrogates is one, half of one is none. */
export const anyEscape =
  '"\\\\" ( ["\\\\/bfnrt] | "u" ( [0-9A-CEFa-cef] [0-9A-Fa-f]{3} | [Dd] [0-7] [0-9A-Fa-f]{2} | [Dd] [89ABab] [0-9A-Fa-f]{2} "\\\\u" [Dd] [C-Fc-f] [0-9A-Fa-f]{2} ) )';

/** Rules that all JSON grammars share. */
export const jsonRules: ReadonlyMap<string, string> = new Map([
  [space, '( " " | "\\n" [ \\t]{0,16} )?'],
  ['json-value', '( json-object | json-array | json-string | json-number | "true" | "false" | "null" )'],
  ['json-object', '"{" json-space ( json-member ( "," json-space json-member )* )? "}"'],
  ['json-member', 'json-string ":" json-space json-value json-space'],
  ['json-array', '"[" json-space ( json-value json-space ( "," json-space json-value json-space )* )? "]"'],
  ['json-string', '"\\"" json-character* "\\""'],
  ['json-character', `( ${anyPlain} | ${anyEscape} )`],
  ['json-plain', anyPlain],
  ['json-number', '"-"? ( "0" | [1-9] [0-9]{0,15} ) ( "." [0-9]{1,16} )? ( [eE] [-+]? [0-9]{1,2} )?'],
]);

/** Any JSON object. */
export const jsonObject: NamedGrammar = { name: 'json-object', rules: jsonRules };

/** Any JSON value. */
export const jsonValue: NamedGrammar = { name: 'json-value', rules: jsonRules };

/** One character of some, as it stands in a JSON string: as it is where that is possible. */
export function jsonCharacter(of: CodePoints): string {
  const plain = without(of, escapedOnly);
  const options = plain.length === 0 ? [] : [characterClass(plain)];
  for (const [first, last] of both(of, escapedOnly)) {
    for (let point = first; point <= last; point++)
      options.push(literal(JSON.stringify(String.fromCodePoint(point)).slice(1, -1)));
  }
  return options.length === 0 ? '[]' : anyOf(options);
}

/** A text can stand in a JSON string as it is. */
export function isPlain(text: string): boolean {
  for (const character of text) if (contains(escapedOnly, character.codePointAt(0) ?? 0)) return false;
  return true;
}
