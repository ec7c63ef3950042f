import { functionValue, integerOf, isList, toValue, type ListValue, type Value } from './template-value.js';

/** Methods of Python's lists that change them, by name. */
const methods: Readonly<Record<string, (list: ListValue, args: readonly Value[]) => Value>> = {
  append(list, args) {
    const [value] = args;
    if (value === undefined || args.length > 1) throw new Error('append() takes exactly one argument');
    list.value.push(value);
    return toValue(null);
  },
  pop(list, [place]) {
    const index = place === undefined ? -1 : integerOf(place);
    if (index === undefined) throw new Error('pop() takes an integer');
    const at = index < 0 ? index + list.value.length : index;
    const [value] = at < 0 ? [] : list.value.splice(at, 1);
    if (value === undefined) throw new Error('pop index out of range');
    return value;
  },
};

/** A method of a list; undefined for other values, and for methods that are none of these. */
export function listMethod(list: Value, name: unknown): Value | undefined {
  const method = typeof name === 'string' && Object.hasOwn(methods, name) ? methods[name] : undefined;
  if (method === undefined || !isList(list)) return undefined;
  return functionValue((args) => method(list, args));
}
