import { AutomatonTooLarge } from './automaton-work.js';
import { characterClass, type NamedGrammar } from './gbnf-text.js';
import { grammarError } from './grammar-error.js';
import { readRegex, RegexProblem } from './regex-reader.js';
import { conditionRules, conditionsOf } from './regex-text.js';

/**
 * A grammar of the texts that match a regular expression as a whole, as if it stood between `^` and `$`.
 * @param options.param path of the request field that it came in, for errors
 * @throws HeddleError `invalid_parameter` when it can not be enforced
 */
export function regexGrammar(source: string, options: { name?: string; param?: string } = {}): NamedGrammar {
  const { name = 'regex', param } = options;
  try {
    return { name, rules: conditionRules(conditionsOf(readRegex(source), true), name, characterClass) };
  } catch (error) {
    throw grammarError(`The regular expression can not be enforced: ${regexTrouble(error)}.`, param);
  }
}

/** Why a regular expression can not be enforced. @throws what has another reason */
export function regexTrouble(error: unknown): string {
  if (error instanceof RegexProblem) return error.message;
  if (error instanceof AutomatonTooLarge) return 'what it asks for is too much to be computed together';
  throw error;
}
