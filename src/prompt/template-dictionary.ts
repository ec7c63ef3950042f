import {
  functionValue,
  integerOf,
  listValue,
  toValue,
  type Node,
  type ObjectValue,
  type Value,
} from './template-value.js';

type Entry = readonly [key: Value, value: Value];

/** Entries of dictionaries whose keys are integers, in their order; the library's own have texts alone. */
const entriesOf = new WeakMap<Value, readonly Entry[]>();

/**
 * A dictionary with integers as keys, of a literal; undefined where there are other keys, or none.
 * @param evaluate a part of the literal
 */
export function integerDictionary(literal: Node, evaluate: (part: Node) => Value): Value | undefined {
  const { value: parts } = literal as Node & { readonly value: ReadonlyMap<Node, Node> };
  if (parts.size === 0 || ![...parts.keys()].every(({ type }) => type === 'IntegerLiteral')) return undefined;
  // As in Python, a key that comes again has its first place and its last value.
  const byKey = new Map([...parts].map(([key, value]) => [integerOf(evaluate(key)), evaluate(value)]));
  const entries = [...byKey].map(([key, value]) => [toValue(key), value] as const);
  const dictionary = toValue({}) as ObjectValue;
  dictionary.value = new Map(entries.map(([key, value]) => [String(key.value), value]));
  entriesOf.set(dictionary, entries);
  const keys = listValue(entries.map(([key]) => key));
  const builtins = new Map<string, Value>([
    ['get', functionValue(([key, other]) => found(entries, key) ?? other ?? toValue(null))],
    ['items', functionValue(() => listOf(entries))],
    ['keys', functionValue(() => keys)],
    ['values', functionValue(() => listValue(entries.map(([, value]) => value)))],
    ['dictsort', functionValue((args) => sorted(entries, args))],
  ]);
  Object.defineProperty(dictionary, 'builtins', { value: builtins });
  dictionary.items = () => listOf(entries);
  dictionary.keys = () => keys;
  return dictionary;
}

export function isDictionary(value: Value): boolean {
  return entriesOf.has(value);
}

/** What is under a key; the template's undefined where there is nothing. */
export function valueOf(dictionary: Value, key: Value): Value {
  return found(entriesOf.get(dictionary) ?? [], key) ?? toValue(undefined);
}

/** Keys with their values. */
export function itemsOf(dictionary: Value): Value {
  return listOf(entriesOf.get(dictionary) ?? []);
}

function found(entries: readonly Entry[], key: Value | undefined): Value | undefined {
  const wanted = integerOf(key);
  return entries.find(([one]) => one.value === wanted)?.[1];
}

function listOf(entries: readonly Entry[]): ReturnType<typeof listValue> {
  return listValue(entries.map((entry) => listValue(entry)));
}

function sorted(entries: readonly Entry[], args: readonly Value[]): Value {
  if (args.length > 0) throw new Error('dictsort of integers takes no arguments');
  return listOf(entries.toSorted(([a], [b]) => Number(a.value) - Number(b.value)));
}
