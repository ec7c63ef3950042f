import { group, repeated } from '../gbnf-text.js';
import { jsonCharacter } from '../json-text.js';
import { limits } from '../limits.js';
import { regexTrouble } from '../regex-grammar.js';
import { readRegex } from '../regex-reader.js';
import { conditionRules, conditionsOf, implyLength, lengthCondition } from '../regex-text.js';
import { AutomatonTooLarge, type TextCondition } from '../text-automaton.js';
import { textFormats } from '../text-formats.js';
import { countAt, textAt } from './keywords.js';
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
  const length = lengthAt(alternative);
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
  if (length.least > length.most) return '[]';
  const { least, most } = length;
  if (conditions.length === 0) return group('"\\""', repeated('json-character', least, most), '"\\""');
  if ((least > 0 || most < Infinity) && !implyLength(conditions, least, most)) {
    checkLength(length);
    conditions.push(lengthCondition(least, most));
  }
  const name = writer.newName();
  try {
    for (const [rule, text] of conditionRules(conditions, name, jsonCharacter)) writer.set(rule, text);
  } catch (error) {
    if (!(error instanceof AutomatonTooLarge)) throw error;
    throw unsupportedSchema(
      path,
      'together with what else is asked of the text it is too much to be computed.',
    );
  }
  return group('"\\""', name, '"\\""');
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
