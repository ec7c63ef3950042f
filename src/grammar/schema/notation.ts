import { without, type CodePoints } from '../code-points.js';
import { characterClass, literal, type GbnfRules, type NamedGrammar } from '../gbnf-text.js';
import { anyEscape, jsonCharacter, jsonRules, plainCharacters, space } from '../json-text.js';
import { textWithout } from '../marker-grammar.js';

/** How values are written down: as JSON, or as a family of models has it. All texts are GBNF. */
export interface Notation {
  /** Rules that all its grammars share. */
  readonly rules: GbnfRules;
  /** Any value, and any object. */
  readonly value: string;
  readonly object: string;
  /** What may stand between the parts of a value. */
  readonly space: string;
  /** A string of such a body. */
  readonly string: (body: string) => string;
  /** The body of any string. */
  readonly anyText: string;
  /** One character of some, in the body of a string. */
  readonly character: (of: CodePoints) => string;
  /** Any character of it, as far as every one can follow every other; absent where they are not counted so. */
  readonly anyCharacter?: string;
  /** What no string may have in it. */
  readonly excluded?: string;
  /** Exactly this value; undefined where it can not be written. */
  readonly exactly: (value: unknown) => string | undefined;
  /** The name of a property, and what separates it from its value; undefined where it can not be written. */
  readonly key: (name: string) => string | undefined;
  /** Around the names of properties that the schema does not name. */
  readonly otherKey: {
    readonly open: string;
    readonly close: string;
    /** Characters that they have, and the rule of one of them. */
    readonly characters: CodePoints;
    readonly character: string;
    /** How many at most. */
    readonly most: number;
    /** They may be empty. */
    readonly mayBeEmpty: boolean;
  };
}

/** JSON, as it stands by itself. */
export const jsonNotation: Notation = {
  rules: jsonRules,
  value: 'json-value',
  object: 'json-object',
  space,
  string: (body) => `( "\\"" ${body} "\\"" )`,
  anyText: 'json-character*',
  character: jsonCharacter,
  anyCharacter: 'json-character',
  exactly: (value) => literal(JSON.stringify(value)),
  key: (name) => literal(`${JSON.stringify(name)}:`),
  otherKey: {
    open: '"\\""',
    close: '"\\":"',
    characters: plainCharacters,
    character: 'json-plain',
    most: Infinity,
    mayBeEmpty: true,
  },
};

/**
 * JSON within a text that ends with a marker, which no string of it has in it.
 * @param marker one that begins with `</`
 */
export function jsonWithin(marker: string): Notation {
  const escaped = (value: unknown): string => JSON.stringify(value).replaceAll('</', '<\\/');
  const characters = without(plainCharacters, [point('<')]);
  const behind = without(characters, [point('/')]);
  const rules = valueRules('within', {
    space,
    string: '"\\"" within-text "\\""',
    key: 'within-string',
    plain: characters,
    text: {
      name: 'within-text',
      rules: new Map([
        // A "/" behind a "<" is an escape.
        ['within-text', '( within-character | "<"+ within-behind )* "<"*'],
        ['within-character', `( ${characterClass(characters)} | within-escape )`],
        ['within-behind', `( ${characterClass(behind)} | within-escape )`],
        ['within-escape', anyEscape],
      ]),
    },
  });
  return {
    rules,
    value: 'within-value',
    object: 'within-object',
    space,
    string: jsonNotation.string,
    anyText: 'within-text',
    character: jsonCharacter,
    // Where they are counted, a "<" is an escape.
    anyCharacter: 'within-character',
    excluded: marker,
    exactly: (value) => literal(escaped(value)),
    key: (name) => literal(`${escaped(name)}:`),
    otherKey: { ...jsonNotation.otherKey, characters, character: 'within-plain' },
  };
}

function point(character: string): CodePoints[number] {
  const code = character.charCodeAt(0);
  return [code, code];
}

/** Letters, digits, `_` and `-`. */
export const wordCharacters: CodePoints = [
  [0x2d, 0x2d],
  [0x30, 0x39],
  [0x41, 0x5a],
  [0x5f, 0x5f],
  [0x61, 0x7a],
];

/** Characters of a name at most, where the schema does not say it. */
export const longestOtherName = 64;

const gemmaQuote = '<|"|>';

/** Gemma's: names without quotes, and strings as they are between marks. */
export const gemmaNotation: Notation = {
  rules: valueRules('gemma', {
    space: '',
    string: `${literal(gemmaQuote)} gemma-text ${literal(gemmaQuote)}`,
    key: `gemma-plain{1,${longestOtherName}}`,
    plain: wordCharacters,
    text: textWithout([gemmaQuote], 'gemma-text'),
  }),
  value: 'gemma-value',
  object: 'gemma-object',
  space: '',
  string: (body) => `( ${literal(gemmaQuote)} ${body} ${literal(gemmaQuote)} )`,
  anyText: 'gemma-text',
  character: characterClass,
  excluded: gemmaQuote,
  exactly: (value) => {
    const text = gemmaText(value);
    return text === undefined ? undefined : literal(text);
  },
  key: (name) => {
    const text = gemmaKey(name);
    return text === undefined ? undefined : literal(`${text}:`);
  },
  otherKey: {
    open: '',
    close: '":"',
    characters: wordCharacters,
    character: 'gemma-plain',
    most: longestOtherName,
    mayBeEmpty: false,
  },
};

function gemmaText(value: unknown): string | undefined {
  if (typeof value === 'string')
    return value.includes(gemmaQuote) ? undefined : `${gemmaQuote}${value}${gemmaQuote}`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const isList = Array.isArray(value);
  const members = isList
    ? (value as unknown[]).map(gemmaText)
    : Object.entries(value).map(([name, one]) => {
        const [key, text] = [gemmaKey(name), gemmaText(one)];
        return key === undefined || text === undefined ? undefined : `${key}:${text}`;
      });
  if (members.includes(undefined)) return undefined;
  return isList ? `[${members.join(',')}]` : `{${members.join(',')}}`;
}

function gemmaKey(name: string): string | undefined {
  if (/^[\w-]+$/.test(name)) return name;
  return name.includes(gemmaQuote) ? undefined : `${gemmaQuote}${name}${gemmaQuote}`;
}

/** Rules of all values, named after their notation. */
function valueRules(
  name: string,
  parts: { space: string; string: string; key: string; plain: CodePoints; text: NamedGrammar },
): GbnfRules {
  const gap = parts.space === '' ? '' : ` ${parts.space}`;
  const value = `${name}-value`;
  return new Map([
    ...jsonRules,
    ...parts.text.rules,
    [value, `( ${name}-object | ${name}-array | ${name}-string | json-number | "true" | "false" | "null" )`],
    [`${name}-object`, `"{"${gap} ( ${name}-member ( ","${gap} ${name}-member )* )? "}"`],
    [`${name}-member`, `${parts.key} ":"${gap} ${value}${gap}`],
    [`${name}-array`, `"["${gap} ( ${value}${gap} ( ","${gap} ${value}${gap} )* )? "]"`],
    [`${name}-string`, parts.string],
    [`${name}-plain`, characterClass(parts.plain)],
  ]);
}
