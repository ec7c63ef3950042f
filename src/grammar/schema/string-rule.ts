import { AutomatonTooLarge } from '../automaton-work.js';
import type { CodePoints } from '../code-points.js';
import { repeated } from '../gbnf-text.js';
import { limits } from '../limits.js';
import { lacking } from '../marker-grammar.js';
import { regexTrouble } from '../regex-grammar.js';
import { readRegex } from '../regex-reader.js';
import { conditionRules, conditionsOf, implyLength, lengthCondition } from '../regex-text.js';
import type { TextCondition } from '../text-automaton.js';
import { textFormats } from '../text-formats.js';
import { countAt, textAt } from './keywords.js';
import type { Notation } from './notation.js';
import type { RuleWriter } from './rule-writer.js';
import type { Alternative } from './schema-resolver.js';
import { partOf, unsupportedSchema } from './schema-source.js';

/** The length of a text, in characters, and where the schema says so. */
interface Length {
  readonly least: number;
  readonly most: number;
  readonly path: string;
}

/**
 * GBNF for the strings of an alternative.
 * @throws HeddleError `invalid_parameter` or `unsupported_schema`
 */
export function stringRule(alternative: Alternative, writer: RuleWriter): string {
  const { notation } = writer;
  return notation.string(stringBody(alternative, writer, notation));
}

/** How the body of a string is written. */
type BodyNotation = Pick<Notation, 'anyText' | 'character' | 'anyCharacter' | 'excluded'>;

/**
 * GBNF for the bodies of the strings of an alternative.
 * @param more that they must satisfy as well
 * @throws HeddleError `invalid_parameter` or `unsupported_schema`
 */
export function stringBody(
  alternative: Alternative,
  writer: RuleWriter,
  notation: BodyNotation,
  more: readonly TextCondition[] = [],
): string {
  const length = lengthAt(alternative);
  const asked = conditionsAt(alternative);
  const conditions = [...asked.conditions, ...more];
  const path =
    asked.path === '' ? (length.path === '' ? (alternative[0]?.path ?? '') : length.path) : asked.path;
  if (length.least > length.most) return '[]';
  const { least, most } = length;
  const isBounded = least > 0 || most < Infinity;
  if (conditions.length === 0 && !isBounded) return notation.anyText;
  if (conditions.length === 0 && notation.anyCharacter !== undefined)
    return repeated(notation.anyCharacter, least, most) || '""';
  if (isBounded && !implyLength(conditions, least, most)) {
    checkLength(length);
    conditions.push(lengthCondition(least, most));
  }
  const name = writer.newName();
  const character = (of: CodePoints): string => writer.character(notation.character(of));
  for (const excluded of exclusions(notation, most < Infinity)) {
    try {
      for (const [rule, text] of conditionRules([...conditions, ...excluded], name, character, writer.work))
        writer.set(rule, text);
      return name;
    } catch (error) {
      if (!(error instanceof AutomatonTooLarge)) throw error;
    }
  }
  throw unsupportedSchema(
    path,
    'together with what else is asked of the text it is too much to be computed.',
  );
}

/**
 * What a text must not have in it, or else a part of that, which makes a smaller automaton.
 * @param isCounted the automaton counts characters too: it has as many states for each of them
 */
function exclusions({ excluded }: BodyNotation, isCounted: boolean): readonly (readonly TextCondition[])[] {
  if (excluded === undefined) return [[]];
  const part = [lacking(excluded.slice(0, 2))];
  return isCounted ? [part] : [[lacking(excluded)], part];
}

/** What `format` and `pattern` ask of a text, and where one of them stands. */
function conditionsAt(alternative: Alternative): { conditions: TextCondition[]; path: string } {
  const conditions: TextCondition[] = [];
  let path = '';
  for (const { keywords, path: at } of alternative) {
    const format = textAt(keywords, 'format', at);
    if (format !== undefined) {
      path = partOf(at, 'format');
      if (!Object.hasOwn(textFormats, format))
        throw unsupportedSchema(path, `of formats, these can be: ${Object.keys(textFormats).join(', ')}.`);
      conditions.push(...conditionsOf(readRegex(textFormats[format] ?? ''), true));
    }
    const pattern = textAt(keywords, 'pattern', at);
    if (pattern !== undefined) {
      path = partOf(at, 'pattern');
      conditions.push(...patternConditions(pattern, path));
    }
  }
  return { conditions, path };
}

function patternConditions(pattern: string, path: string): TextCondition[] {
  try {
    return conditionsOf(readRegex(pattern), false);
  } catch (error) {
    throw unsupportedSchema(path, `${regexTrouble(error)}.`);
  }
}

function lengthAt(alternative: Alternative): Length {
  let [least, most, where] = [0, Infinity, ''];
  for (const { keywords, path } of alternative) {
    const shortest = countAt(keywords, 'minLength', path);
    if (shortest !== undefined && shortest > least) [least, where] = [shortest, partOf(path, 'minLength')];
    const longest = countAt(keywords, 'maxLength', path);
    if (longest !== undefined && longest < most) [most, where] = [longest, partOf(path, 'maxLength')];
  }
  const length = { least, most, path: where };
  checkLength(length);
  return length;
}

function checkLength({ least, most, path }: Length): void {
  if (least <= limits.repetitions && (most <= limits.repetitions || most === Infinity)) return;
  throw unsupportedSchema(path, `texts can be held to ${limits.repetitions} characters, not to more.`);
}
