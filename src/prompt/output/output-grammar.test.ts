import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { describe, expect, it } from 'vitest';
import type { GrammarSource } from '../../core/generation.js';
import { Grammar, schemaGrammar } from '../../grammar/index.js';
import { matches } from '../../testing/grammar-reader.js';
import { joined, readPieces, transcripts, transcriptTools } from '../../testing/output-transcripts.js';
import { randomText } from '../../testing/random-text.js';
import { Random } from '../../testing/random.js';
import { schemaCorpus } from '../../testing/schema-corpus.js';
import type { CallDemand, CalledTool } from './called-tool.js';
import { chooseFormat } from './choose-format.js';
import type { ContentForm } from './content-form.js';
import type { OutputEvent } from './output-event.js';
import { outputGrammar, reasoningClosing, type OutputForm } from './output-grammar.js';

const ajv = addFormats.default(new Ajv2020({ strict: false, allErrors: true }));

/** One for each family and form of its reasoning, by what its templates have. */
const families = [
  { name: 'hermes', template: '<think> </think> <tool_call>' },
  { name: 'hermes without reasoning', template: '<tool_call>' },
  { name: 'hermes, reasoning begun', template: '<think> </think> <tool_call>', prompt: '<think>\n' },
  { name: 'qwen-coder', template: '<tool_call> <function= <parameter=' },
  { name: 'qwen-coder, reasoning begun', template: '<tool_call> <function= <think>', prompt: '<think>\n' },
  { name: 'seed', template: '<seed:think> <seed:tool_call> <function=' },
  { name: 'llama', template: '<|start_header_id|> <|python_tag|>' },
  { name: 'mistral', template: '[TOOL_CALLS] [ARGS] [THINK]' },
  { name: 'mistral with lists', template: '[TOOL_CALLS]' },
  { name: 'glm', template: '<tool_call> <arg_key> <think>' },
  { name: 'deepseek', template: '<｜tool▁calls▁begin｜><｜tool▁call▁begin｜> </think>' },
  {
    name: 'deepseek with fences',
    template: '<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>```json </think>',
    prompt: '<think>\n',
  },
  { name: 'deepseek-dsml', template: "dsml_token = '｜DSML｜' function_calls <think>" },
  { name: 'gemma', template: '<|tool_call>call: <|channel>thought' },
  { name: 'harmony', template: '<|channel|> <|message|>', single: true },
  { name: 'kimi', template: '<|tool_calls_section_begin|> <|tool_call_begin|> <think>' },
  { name: 'minimax', template: '<minimax:tool_call> <think>' },
] as const;
type FamilyCase = { name: string; template: string; prompt?: string; single?: boolean };

function grammarOf({ template, prompt = '' }: FamilyCase, form: OutputForm): Grammar {
  const source = outputGrammar(chooseFormat(template), prompt, form);
  if (source === undefined) throw new Error('there is no grammar');
  return toGrammar(source);
}

function toGrammar({ source, opening }: GrammarSource): Grammar {
  return new Grammar(source, opening === undefined ? {} : { opening });
}

const demand = (mode: CallDemand['mode'], tools: readonly CalledTool[]): CallDemand => ({
  mode,
  tools,
  param: 'tool_choice',
});

const strictTool = (name: string, parameters: unknown): CalledTool => ({
  name,
  parameters: parameters as Record<string, unknown>,
  strict: true,
  path: `tools.${name}`,
});

/** What tools can have as parameters: the objects of the corpus, and the others as a parameter. */
const corpus = schemaCorpus.map(({ name, schema }) => {
  const { type, properties } = schema as Record<string, unknown>;
  const isObject = type === 'object' || properties !== undefined;
  const { $defs, ...own } = schema as Record<string, unknown>;
  const wrapped = {
    type: 'object',
    properties: { value: own, count: { type: 'integer', minimum: 0, maximum: 9 } },
    required: ['value'],
    additionalProperties: false,
    ...($defs === undefined ? {} : { $defs }),
  };
  return { name, schema: isObject ? schema : wrapped };
});

interface ReadCall {
  name: string;
  arguments: unknown;
}

interface ReadOutput {
  readonly calls: ReadCall[];
  readonly others: readonly OutputEvent[];
}

/** The calls that are whole, and all events of an output that are neither calls nor reasoning. */
function read(family: FamilyCase, text: string, tools: readonly CalledTool[]): ReadOutput {
  const events = joined(readPieces(family, [text], { tools }));
  const calls: ReadCall[] = [];
  let [name, written] = ['', ''];
  const others: OutputEvent[] = [];
  for (const event of events) {
    if (event.kind === 'tool-call') [name, written] = [event.name, ''];
    else if (event.kind === 'tool-arguments') written += event.text;
    else if (event.kind === 'tool-call-end' && event.outcome === 'complete')
      calls.push({ name, arguments: JSON.parse(written) as unknown });
    else if (event.kind !== 'marker' && event.kind !== 'reasoning') others.push(event);
  }
  return { calls, others };
}

/** What an output can begin with, so that a text that is drawn at random gets to its calls: reasoning that has ended. */
function beginnings(family: FamilyCase, form: OutputForm): string[] {
  const format = chooseFormat(family.template);
  if (format.reasoning === undefined) return [''];
  const closing = `Hm.${reasoningClosing(format, form) ?? ''}`;
  return family.prompt === undefined ? ['', `${format.reasoning.open}${closing}`] : [closing];
}

/** Texts of an output, drawn at random behind each of its beginnings in turn. */
function draw(
  family: FamilyCase,
  form: OutputForm,
  seeds: number,
  begin = beginnings(family, form),
): string[] {
  const grammar = grammarOf(family, form);
  const texts: string[] = [];
  for (let seed = 1; seed <= seeds; seed++) {
    const before = begin[seed % begin.length] ?? '';
    const state = grammar.afterBytes(grammar.start, Buffer.from(before));
    if (state === null) throw new Error(`an output can not begin so: ${before}`);
    const text = randomText(grammar, new Random(seed), 5000, state);
    if (text !== undefined) texts.push(before + text);
  }
  return texts;
}

const hasTags = ({ template }: FamilyCase): boolean =>
  chooseFormat(template).calls?.arguments.kind === 'parameters';
/** Names that can not stand in tags. */
const strangeNames = 'keys that need escapes, and keys of other scripts';
const writable = (family: FamilyCase): typeof corpus =>
  corpus.filter(({ name }) => !hasTags(family) || name !== strangeNames);

it.each<FamilyCase>(families.filter(hasTags))('$name refuses names that can not stand in tags', (family) => {
  const schema = corpus.find(({ name }) => name === strangeNames)?.schema;
  expect(() => grammarOf(family, { calls: demand('required', [strictTool('first', schema)]) })).toThrow(
    expect.objectContaining({
      code: 'unsupported_schema',
      param: expect.stringContaining('tools.first.properties[') as string,
    }) as Error,
  );
});

describe.each<FamilyCase>(families)('calls that are demanded of $name', (family) => {
  it.each(writable(family))('have arguments that are valid: $name', ({ schema }) => {
    const tools = [strictTool('first', schema)];
    const form = { calls: demand('required', tools), singleCall: true };
    const validate = ajv.compile(schema as object);
    const texts = draw(family, form, 3, beginnings(family, form).slice(-1));
    for (const text of texts) {
      const { calls, others } = read(family, text, tools);
      expect([text, others]).toEqual([text, []]);
      expect([text, calls.map(({ name }) => name)]).toEqual([text, ['first']]);
      const isValid = validate(calls[0]?.arguments);
      expect([text, ajv.errorsText(validate.errors), isValid]).toEqual([text, 'No errors', true]);
    }
    expect(texts.length).toBeGreaterThan(0);
  });

  it('are of the tools, one or several, and nothing else', () => {
    const tools = [
      strictTool('first', {
        type: 'object',
        properties: { a: { type: 'boolean' } },
        additionalProperties: false,
      }),
      { name: 'second.one', strict: false, path: 'tools.second' },
    ];
    const texts = draw(family, { calls: demand('required', tools) }, 60);
    const counts = new Set<number>();
    const names = new Set<string>();
    for (const text of texts) {
      const { calls, others } = read(family, text, tools);
      expect([text, others]).toEqual([text, []]);
      counts.add(Math.min(calls.length, 2));
      for (const { name, arguments: args } of calls) {
        names.add(name);
        expect(typeof args).toBe('object');
      }
    }
    expect([...counts].toSorted((a, b) => a - b)).toEqual(family.single === true ? [1] : [1, 2]);
    expect([...names].toSorted()).toEqual(['first', 'second.one']);
    expect(texts.length).toBeGreaterThan(8);
  });

  it('can follow reasoning, which can be ended at any time', () => {
    const format = chooseFormat(family.template);
    const tools = [strictTool('first', { type: 'object', additionalProperties: false })];
    const form: OutputForm = { calls: demand('required', tools) };
    const { reasoning } = format;
    expect(reasoningClosing(format, form) === undefined).toBe(reasoning === undefined);
    if (reasoning === undefined) return;
    const grammar = grammarOf(family, form);
    const open = family.prompt === undefined ? reasoning.open : '';
    for (const thought of ['', 'Hm. <b> {"a": 1}\n', 'é', reasoning.close.slice(0, 2)]) {
      const before = `${open}${thought}${reasoningClosing(format, form) ?? ''}`;
      const state = grammar.afterBytes(grammar.start, Buffer.from(before));
      if (state === null) throw new Error(`reasoning can not end: ${before}`);
      const rest = randomText(grammar, new Random(7), 3000, state) ?? '';
      const { calls, others } = read(family, before + rest, tools);
      expect([before, rest, others]).toEqual([before, rest, []]);
      expect(calls[0]?.name).toBe('first');
    }
  });
});

describe.each<FamilyCase>(families)('free text of $name', (family) => {
  const strict = [
    strictTool('get_weather', {
      type: 'object',
      properties: { city: { type: 'string', maxLength: 5 } },
      required: ['city'],
      additionalProperties: false,
    }),
  ];
  const form: OutputForm = { calls: demand('auto', strict) };

  it('is not held to anything where no tool is strict', () => {
    const tools = strict.map((tool) => ({ ...tool, strict: false }));
    const format = chooseFormat(family.template);
    expect(outputGrammar(format, family.prompt ?? '', { calls: demand('auto', tools) })).toBeUndefined();
    expect(outputGrammar(format, family.prompt ?? '', { calls: demand('auto', []) })).toBeUndefined();
  });

  it('has no calls but those that are as they should be', () => {
    const format = chooseFormat(family.template);
    const validate = ajv.compile(strict[0]?.parameters ?? {});
    const header = `${format.calls?.begin ?? ''}${format.calls?.before('get_weather', 0) ?? ''}`;
    const begin = beginnings(family, form);
    const calling =
      format.calls?.bare === undefined ? begin.map((text) => `${text}Look: ${header}`) : [header];
    let called = 0;
    for (const text of [...draw(family, form, 6, begin), ...draw(family, form, 16, calling)]) {
      for (const call of read(family, text, strict).calls) {
        called++;
        expect([text, call.name, validate(call.arguments)]).toEqual([text, 'get_weather', true]);
      }
    }
    expect(called).toBeGreaterThan(5);
    const grammar = grammarOf(family, form);
    const wrong = strictTool('get_weather', { type: 'object', properties: { city: { const: 'Lissabon' } } });
    const others = draw(family, { calls: demand('required', [wrong]), singleCall: true }, 6);
    expect(others.length).toBeGreaterThan(2);
    for (const text of others) expect([text, matches(grammar, text)]).toEqual([text, false]);
  });
});

it('takes an answer in JSON for a call, where calls need no opening, only if it names a tool', () => {
  const family = { name: 'llama', template: '<|start_header_id|> <|python_tag|> <think> </think>' };
  const grammar = grammarOf(family, { calls: demand('auto', [strictTool('find', { type: 'object' })]) });
  const free = [
    '{"name": "Anna", "parameters": {}}',
    '{"find": 1}',
    ' {"a": ["x"]} or {',
    'Use {"name": "find"}',
  ];
  for (const text of free) expect([text, matches(grammar, text)]).toEqual([text, true]);
  const calls = [
    '{"name": "find", "arguments": 5}',
    '\n{"id": 1, "parameters": {}, "name" :\n"find"}',
    '{"n\\u0061me": "find"}',
    '{"name": "f\\u0069nd"}',
    '</think> {"name": "find"}',
    '<think>So.</think>\n\n{"name": "find", "arguments": {}}',
    'Then <|python_tag|>{"name": "other"}',
  ];
  for (const text of calls) expect([text, matches(grammar, text)]).toEqual([text, false]);
  for (const before of ['', '\n', '<|python_tag|>', '<think>{"name": "find"}</think>\n\n'])
    expect(matches(grammar, `${before}{"name": "find", "parameters": {"a":1}}`)).toBe(true);
});

describe('the schemas of tools', () => {
  const format = chooseFormat('<tool_call>');
  const required = (tools: readonly CalledTool[]): string =>
    outputGrammar(format, '', { calls: demand('required', tools) })?.source ?? '';
  const wide = {
    type: 'object',
    properties: Object.fromEntries(
      Array.from({ length: 40 }, (_, at) => [`property ${at}`, { enum: [at, 'a long text '.repeat(12)] }]),
    ),
  };

  it('that can not be enforced are any object, unless they are strict', () => {
    const odd = { type: 'object', properties: { a: { type: 'number', multipleOf: 2 } } };
    const tool = strictTool('odd', odd);
    expect(matches(required([{ ...tool, strict: false }]), call('odd', '{"a": 3}'))).toBe(true);
    expect(() => required([tool])).toThrow(
      expect.objectContaining({
        code: 'unsupported_schema',
        param: 'tools.odd.properties.a.multipleOf',
      }) as Error,
    );
    for (const [schema, param] of [
      [{ type: 'string' }, 'tools.f.type'],
      [{ type: 'object', required: ['a'], properties: { a: false } }, 'tools.f'],
    ] as const) {
      expect(() => required([strictTool('f', schema)])).toThrow(
        expect.objectContaining({ code: 'invalid_parameter', param }) as Error,
      );
    }
  });

  it('that are too many are enforced as far as they fit, and refused where they are strict', () => {
    const tools = Array.from({ length: 12 }, (_, at) => strictTool(`tool-${at}`, wide));
    const source = required(tools.map((tool) => ({ ...tool, strict: false })));
    const wrong = '{"property 1": 7}';
    expect(matches(source, call('tool-0', wrong))).toBe(false);
    expect(matches(source, call('tool-11', wrong))).toBe(true);
    expect(() => required(tools)).toThrow(
      expect.objectContaining({
        code: 'invalid_parameter',
        param: expect.stringMatching(/^tools\.tool-\d+$/) as string,
      }) as Error,
    );
  });

  function call(name: string, args: string): string {
    return `<tool_call>\n{"name": "${name}", "arguments": ${args}}\n</tool_call>`;
  }
});

describe('the transcripts of all families', () => {
  const tools = transcriptTools.map((tool) => ({
    ...tool,
    strict: tool.name === 'get_time',
    path: tool.name,
  }));

  it.each(transcripts.filter(({ calls, template }) => calls === undefined && template !== 'nothing'))(
    'that call nothing can be written: $name',
    ({ template, prompt = '', text, warnings }) => {
      const grammar = grammarOf({ name: '', template, prompt }, { calls: demand('auto', tools) });
      const [opening = ''] = chooseFormat(template).calls?.openings ?? [];
      // What is no call, though it looks like one, is what the grammar is there to prevent.
      expect(matches(grammar, text)).toBe(warnings === undefined || !text.includes(opening));
    },
  );
});

describe('content in a form, with tools', () => {
  const part = schemaGrammar(
    { type: 'object', properties: { z: { const: 1 } }, required: ['z'] },
    { path: 'x' },
  );
  const content: ContentForm = { source: 'root ::= "never used"', part, param: 'response_format' };
  const tools = [strictTool('first', { type: 'object', additionalProperties: false })];

  it.each(families)('is that, or calls: $name', (family) => {
    const format = chooseFormat(family.template);
    const kinds = new Set<string>();
    for (const text of draw(family, { content, calls: demand('auto', tools) }, 48)) {
      const { calls, others } = read(family, text, tools);
      const written = others.map((event) => (event.kind === 'content' ? event.text : event.kind)).join('');
      const isCall = calls.length > 0;
      kinds.add(isCall ? 'calls' : 'content');
      expect([text, isCall ? written : JSON.parse(written)]).toEqual([text, isCall ? '' : { z: 1 }]);
    }
    expect([...kinds].toSorted()).toEqual(['calls', 'content']);
    for (const text of draw(family, { content, calls: demand('required', tools) }, 10))
      expect(read(family, text, tools).calls.length).toBeGreaterThan(0);
    // What ends reasoning must not have chosen already.
    const closing = reasoningClosing(format, { content, calls: demand('auto', tools) }) ?? '';
    expect(closing).not.toContain('final');
  });

  it('that a client wrote a grammar for is refused', () => {
    const own: ContentForm = { source: 'root ::= "x"', param: 'grammar' };
    const format = chooseFormat('<tool_call>');
    for (const mode of ['auto', 'required'] as const) {
      expect(() => outputGrammar(format, '', { content: own, calls: demand(mode, tools) })).toThrow(
        expect.objectContaining({ code: 'invalid_parameter', param: 'grammar' }) as Error,
      );
    }
    expect(outputGrammar(format, '', { content: own })?.source).toBe(own.source);
  });
});
