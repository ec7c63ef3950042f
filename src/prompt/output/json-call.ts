import { isDeeperThan } from '../../core/json-depth.js';
import { copyJson, copyString, deepestArguments, readString } from './json-copy.js';
import type { OutputParts } from './output-style.js';
import type { Reading } from './text-input.js';

/** What families call the arguments of a call. */
const argumentKeys = ['arguments', 'parameters'];
const otherKeys = ['id', 'type'];

/**
 * Reads a call that is a JSON object, `{"name": ..., "arguments": {...}}`, with its keys in any order, into the call that
 * has begun.
 * @param options.onlyOffered it is a call only if the tool was offered, and the object has no other keys
 * @returns whether the object is a call; the call is complete then
 */
export function* readJsonCall(
  parts: OutputParts,
  { onlyOffered = false }: { onlyOffered?: boolean } = {},
): Reading<boolean> {
  const { input, calls } = parts;
  let early: string | undefined;
  let hasArguments = false;
  if (!(yield* input.literal('{'))) return false;
  for (;;) {
    yield* input.jsonSpaces();
    const key = yield* readString(input);
    yield* input.jsonSpaces();
    if (key === undefined || !(yield* input.literal(':'))) return false;
    yield* input.jsonSpaces();
    if (key === 'name') {
      const name = yield* readString(input);
      if (name === undefined || name === '' || calls.isOpen) return false;
      if (onlyOffered && !calls.isOffered(name)) return false;
      calls.open(name);
      if (early !== undefined) calls.arguments(early);
    } else if (argumentKeys.includes(key) && !hasArguments) {
      hasArguments = true;
      let held = '';
      const write = calls.isOpen ? calls.arguments : (text: string): unknown => (held += text);
      if (!(yield* readArguments(parts, write))) return false;
      early = held;
    } else {
      if (onlyOffered && !otherKeys.includes(key)) return false;
      if (!(yield* copyJson(input, () => {}))) return false;
    }
    yield* input.jsonSpaces();
    if (yield* input.literal(',')) continue;
    if (!calls.isOpen || !(yield* input.literal('}'))) return false;
    if (!hasArguments) calls.arguments('{}');
    calls.complete();
    return true;
  }
}

/** Arguments: an object, or one written as a string, or null where a tool takes none. */
export function* readArguments(
  { input }: Pick<OutputParts, 'input'>,
  write: (text: string) => unknown,
): Reading<boolean> {
  const first = yield* input.peek();
  if (first === '{') return yield* copyJson(input, write);
  let text = '';
  const isWhole =
    first === '"'
      ? yield* copyString(input, (more) => (text += more))
      : yield* copyJson(input, (more) => (text += more));
  if (!isWhole) return false;
  const value = first === '"' ? (JSON.parse(text) as string) : text;
  if (value.trim() === '' || value === 'null') write('{}');
  else if (isObjectText(value)) write(value);
  else return false;
  return true;
}

function isObjectText(text: string): boolean {
  if (isDeeperThan(text, deepestArguments)) return false;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value);
  } catch {
    return false; // it is a text like any other
  }
}
