import type { Random } from '../../../src/testing/random.js';

/** What APIs stumble over, in the place of whatever stood there. */
const oddValues: readonly unknown[] = [
  null,
  true,
  false,
  0,
  -1,
  1,
  0.5,
  -0,
  1e308,
  -1e308,
  2 ** 31,
  2 ** 53,
  Number.MIN_VALUE,
  '',
  ' ',
  '\0',
  'fake',
  'NaN',
  '\ud800',
  '\u202e\u{1f600}',
  '__proto__',
  'constructor',
  '../../etc/passwd',
  '{{ messages }}',
  '<bos><eos>',
  'x'.repeat(3000),
  [],
  {},
  [[]],
  [null],
  [[[[[[[[]]]]]]]],
  { type: 'text', text: 'x' },
  { type: 'image_url', image_url: { url: 'x' } },
  { toString: 1, valueOf: null, hasOwnProperty: 0 },
  Array.from({ length: 300 }, () => 0),
  Array.from({ length: 20_000 }, () => ({})),
];

const oddKeys: readonly string[] = [
  'model',
  'messages',
  'prompt',
  'stream',
  'n',
  'stop',
  'max_tokens',
  'tools',
  'temperature',
  'logit_bias',
  'stream_options',
  'against',
  'grace',
  'input',
  'previous_response_id',
  'tool_choice',
  'reasoning',
  'system',
  'thinking',
  'options',
  'keep_alive',
  'format',
  '',
  'constructor',
  'toString',
  'hasOwnProperty',
  '0',
];

/** Characters that mean something to a parser. */
const oddCharacters = '{}[]":,\\/-+.eE019tfnu \n\0\u00ff\ud800';

/** Changes bodies into others, most of which no API takes; what it does depends on the random numbers alone. */
export class BodyMutator {
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  /** A body like this one, but for some places: as JSON, or as a text that need be none. */
  mutate(seed: unknown): string {
    const random = this.#random;
    let value = structuredClone(seed);
    do value = this.#changeSomewhere(value);
    while (random.chance(0.3));
    let text = JSON.stringify(value) ?? '';
    if (random.chance(0.15))
      for (let cuts = random.below(3); cuts >= 0; cuts--) text = this.#changeText(text);
    return text;
  }

  #changeSomewhere(value: unknown): unknown {
    const random = this.#random;
    const isBranch = typeof value === 'object' && value !== null;
    if (!isBranch || random.chance(0.05)) return this.#another(value);
    if (Array.isArray(value)) return this.#changeList(value);
    return this.#changeObject(value as Record<string, unknown>);
  }

  #changeList(list: readonly unknown[]): unknown {
    const random = this.#random;
    if (list.length === 0 || random.chance(0.1)) return [...list, random.pick(oddValues)];
    const at = random.below(list.length);
    if (random.chance(0.2)) return list.toSpliced(at, 1);
    if (random.chance(0.2)) return list.flatMap((one, index) => (index === at ? Array(3).fill(one) : [one]));
    return list.with(at, this.#changeSomewhere(list[at]));
  }

  #changeObject(object: Record<string, unknown>): unknown {
    const random = this.#random;
    const entries = Object.entries(object);
    if (entries.length === 0 || random.chance(0.08))
      return { ...object, [random.pick(oddKeys)]: random.pick(oddValues) };
    const [key, value] = random.pick(entries);
    const others = Object.fromEntries(entries.filter(([name]) => name !== key));
    if (random.chance(0.1)) return others;
    if (random.chance(0.05)) return { ...others, [random.pick(oddKeys)]: value };
    return { ...others, [key]: this.#changeSomewhere(value) };
  }

  #another(value: unknown): unknown {
    const random = this.#random;
    if (random.chance(0.05)) return this.#nested(value);
    if (typeof value === 'number' && random.chance(0.8))
      return random.pick([-value, value * 1000, value + 0.5, value + 1, value - 1, value / 2]);
    if (typeof value === 'boolean' && random.chance(0.8)) return !value;
    if (typeof value === 'string' && random.chance(0.7)) return this.#changeText(value);
    return random.pick(oddValues);
  }

  #nested(value: unknown): unknown {
    let nested = value;
    for (let depth = this.#random.below(200); depth > 0; depth--)
      nested = this.#random.chance(0.5) ? [nested] : { a: nested };
    return nested;
  }

  #changeText(text: string): string {
    const random = this.#random;
    const at = random.below(text.length + 1);
    const character = oddCharacters.charAt(random.below(oddCharacters.length));
    switch (random.below(5)) {
      case 0:
        return text.slice(0, at);
      case 1:
        return text.slice(0, at) + text.slice(at + 1 + random.below(5));
      case 2:
        return text.slice(0, at) + character + text.slice(at);
      case 3:
        return text.slice(0, at) + character + text.slice(at + 1);
      default:
        return text.slice(0, at) + text.slice(random.below(text.length + 1));
    }
  }
}
