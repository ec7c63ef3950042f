import { isDeeperThan } from '../../core/json-depth.js';
import { deepestArguments, escapeText } from './json-copy.js';
import type { OutputParts } from './output-style.js';
import { parameterTypes, typeOf } from './parameter-type.js';
import type { Reading } from './text-input.js';

/** The arguments of a call whose family writes them one by one, as texts, while they are made into a JSON object. */
export class ParameterWriter {
  readonly #parts: OutputParts;
  #count = 0;

  constructor(parts: OutputParts) {
    this.#parts = parts;
  }

  /**
   * Takes the text of a parameter, up to one of its ends, and writes it as JSON: a text as it comes, anything else once
   * it is whole.
   * @param options.isText whether it is a text, where the model says so; else the tool's schema does
   * @param options.ends none of them taken
   * @returns the end; undefined where there is none
   */
  *read(
    name: string,
    { ends, isText }: { ends: readonly string[]; isText?: boolean | undefined },
  ): Reading<string | undefined> {
    const { input, calls } = this.#parts;
    const types = parameterTypes(calls.tool, name);
    const key = `${this.#count++ === 0 ? '{' : ','}${JSON.stringify(name)}:`;
    if (isText ?? (types.size === 1 && types.has('string'))) {
      calls.arguments(`${key}"`);
      const end = yield* input.until(ends, (text) => calls.arguments(escapeText(text)));
      if (end !== undefined) calls.arguments('"');
      return end;
    }
    let text = '';
    const end = yield* input.until(ends, (more) => (text += more));
    if (end === undefined) return undefined;
    calls.arguments(key + valueText(text, isText === false ? new Set() : types));
    return end;
  }

  /** There are no more. */
  end(): void {
    this.#parts.calls.arguments(this.#count === 0 ? '{}' : '}');
  }
}

/** What models write that were raised on Python. */
const pythonWords: Readonly<Record<string, string>> = { True: 'true', False: 'false', None: 'null' };

/**
 * The JSON text of a parameter that need not be a text: as it stands, if it is JSON of a type that the schema allows, and
 * not too deep with the object that it comes into.
 */
function valueText(text: string, types: ReadonlySet<string>): string {
  if (isDeeperThan(text, deepestArguments - 1)) return JSON.stringify(text);
  const trimmed = text.trim();
  const json = Object.hasOwn(pythonWords, trimmed) ? (pythonWords[trimmed] ?? trimmed) : trimmed;
  try {
    const type = typeOf(JSON.parse(json));
    const isAllowed = type !== 'string' && (types.has(type) || (type === 'integer' && types.has('number')));
    if (isAllowed || !types.has('string')) return json;
  } catch {
    // It is a text.
  }
  return JSON.stringify(text);
}
