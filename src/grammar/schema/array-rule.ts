import { anyOf, group, inOrder, repeated } from '../gbnf-text.js';
import { limits } from '../limits.js';
import { countAt } from './keywords.js';
import type { RuleWriter } from './rule-writer.js';
import type { Alternative } from './schema-resolver.js';
import {
  listAt,
  partOf,
  sourceAt,
  unsupportedSchema,
  type Conjunction,
  type SchemaSource,
} from './schema-source.js';

/**
 * GBNF for the arrays of an alternative. Where `prefixItems` are not followed by `items`, there are no others, unless
 * `minItems` asks for them.
 * @throws HeddleError `invalid_parameter` or `unsupported_schema`
 */
export function arrayRule(alternative: Alternative, writer: RuleWriter): string {
  const { least, most } = countOf(alternative);
  const lists = alternative.map(({ keywords, path }) => ({
    first: keywords['prefixItems'] === undefined ? [] : listAt(keywords, 'prefixItems', path),
    rest: itemsAt(keywords, path),
  }));
  const speaking = lists.filter(({ first, rest }) => first.length > 0 || rest !== undefined);
  const listed = lists.reduce((longest, { first }) => Math.max(longest, first.length), 0);
  const at = (index: number): Conjunction =>
    speaking.flatMap(({ first, rest }) => first[index] ?? rest ?? []);
  const others = lists.flatMap(({ rest }) => rest ?? []);
  const hasOthers = listed === 0 || others.length > 0 || least > listed;
  const longest = Math.min(most, hasOthers ? Infinity : listed);
  if (least > longest) return '[]';
  const { space } = writer.notation;
  const item = (index: number): string => inOrder(writer.ruleOf(index < listed ? at(index) : others), space);
  return inOrder('"["', space, items({ least, most: longest, listed, item, writer }), '"]"');
}

/** Written from the last to the first, each item with all that can follow it. */
function items(array: {
  least: number;
  most: number;
  listed: number;
  item: (index: number) => string;
  writer: RuleWriter;
}): string {
  const { least, most, listed, item, writer } = array;
  if (most === 0) return '';
  const { space } = writer.notation;
  const next = inOrder('","', space);
  if (listed === 0) {
    const more = repeated(group(next, item(0)), Math.max(0, least - 1), most - 1);
    return least === 0 ? `( ${inOrder(item(0), more)} )?` : inOrder(item(0), more);
  }
  const count = Math.min(listed, most);
  let tail =
    most > listed ? repeated(group(next, item(listed)), Math.max(0, least - listed), most - listed) : '';
  for (let index = count - 1; index >= 0; index--) {
    const one = inOrder(index === 0 ? '' : next, item(index), tail);
    const text = index < least ? one : anyOf([one, '']);
    tail = index === 0 ? text : writer.add(text);
  }
  return tail;
}

function itemsAt(keywords: Readonly<Record<string, unknown>>, path: string): SchemaSource | undefined {
  const rest = keywords['items'];
  if (rest === undefined) return undefined;
  const at = partOf(path, 'items');
  if (Array.isArray(rest)) throw unsupportedSchema(at, 'write a list of schemas as "prefixItems".');
  return sourceAt(rest, at);
}

function countOf(alternative: Alternative): { least: number; most: number } {
  let [least, most] = [0, Infinity];
  for (const { keywords, path } of alternative) {
    const [fewest, largest] = [countAt(keywords, 'minItems', path), countAt(keywords, 'maxItems', path)];
    least = Math.max(least, fewest ?? 0);
    most = Math.min(most, largest ?? Infinity);
    for (const [keyword, count = 0] of [
      ['minItems', fewest],
      ['maxItems', largest],
    ] as const) {
      if (count > limits.repetitions)
        throw unsupportedSchema(
          partOf(path, keyword),
          `arrays can be held to ${limits.repetitions} items, not to more.`,
        );
    }
  }
  for (const { keywords, path } of alternative) {
    if (keywords['uniqueItems'] !== true || most <= 1) continue;
    throw unsupportedSchema(partOf(path, 'uniqueItems'), 'items would have to be compared with each other.');
  }
  return { least, most };
}
