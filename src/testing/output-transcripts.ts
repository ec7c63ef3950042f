import { createParser } from '../prompt/output/output-format.js';
import { chooseFormat } from '../prompt/output/choose-format.js';
import type { OutputEvent } from '../prompt/output/output-event.js';
import type { ToolDefinition } from '../prompt/output/tool-definition.js';

/** An output as a model of a family writes it, and what is to be read in it. */
export interface Transcript {
  readonly name: string;
  /** The markers of the family's chat template, in short. */
  readonly template: string;
  /** The end of the prompt. */
  readonly prompt?: string;
  readonly text: string;
  readonly content?: string;
  readonly reasoning?: string;
  readonly calls?: readonly { readonly name: string; readonly arguments: unknown; readonly id?: string }[];
  readonly warnings?: number;
}

export const transcriptTools: readonly ToolDefinition[] = [
  {
    name: 'get_weather',
    parameters: {
      type: 'object',
      properties: {
        city: { type: 'string' },
        days: { type: 'integer' },
        hourly: { type: 'boolean' },
        places: { type: 'array', items: { type: 'string' } },
        options: { $ref: '#/$defs/options' },
        note: { anyOf: [{ type: 'string' }, { type: 'null' }] },
      },
      $defs: { options: { type: 'object' } },
    },
  },
  { name: 'get_time' },
];

const qwen = '<think> </think> <tool_call>';
const coder = '<tool_call> <function= <parameter=';
const llama = '<|start_header_id|> <|python_tag|>';
const mistral = '[TOOL_CALLS] [THINK]';
const glm = '<tool_call> <arg_key> <think>';
const deepseek = '<｜tool▁calls▁begin｜><｜tool▁call▁begin｜> </think>';
const dsml = "dsml_token = '｜DSML｜' function_calls <think>";
const gemma = '<|tool_call>call: <|channel>thought';
const harmony = '<|channel|> <|message|>';
const kimi = '<|tool_calls_section_begin|> <|tool_call_begin|> <think>';
const minimax = '<minimax:tool_call> <think>';

const paris = { name: 'get_weather', arguments: { city: 'Paris' } };
const parisText = '{"city": "Paris"}';

export const transcripts: readonly Transcript[] = [
  {
    name: 'plain text',
    template: 'nothing',
    text: '  Hello, <b>world</b>! {"a": 1}\n\n',
    content: '  Hello, <b>world</b>! {"a": 1}\n\n',
  },
  {
    name: 'Hermes: one call',
    template: qwen,
    text: `<tool_call>\n{"name": "get_weather", "arguments": ${parisText}}\n</tool_call>`,
    calls: [paris],
  },
  {
    name: 'Hermes: reasoning, content and two calls',
    template: qwen,
    text: `<think>\nThe user < 3 asks.\n</think>\n\nLet me look.\n<tool_call>\n{"name": "get_weather", "arguments": {"city": "São \\"Paulo\\" \\u00e9", "days": -1.5e3, "options": {"a": [1, {}, [], null, true]}}}\n</tool_call>\n<tool_call>\n{"name": "get_time", "arguments": {}}\n</tool_call>\n`,
    reasoning: 'The user < 3 asks.',
    content: 'Let me look.',
    calls: [
      {
        name: 'get_weather',
        arguments: {
          city: 'São "Paulo" é',
          days: -1500,
          options: { a: [1, {}, [], null, true] },
        },
      },
      { name: 'get_time', arguments: {} },
    ],
  },
  {
    name: 'Hermes: the prompt has begun the reasoning',
    template: qwen,
    prompt: '<|im_start|>assistant\n<think>\n',
    text: 'Hm.\n</think>\n\n4 < 5 </tool_call>',
    reasoning: 'Hm.',
    content: '4 < 5 </tool_call>',
  },
  {
    name: 'Hermes: keys in another order, arguments as text, no closing tag',
    template: qwen,
    text: '<tool_call>{"id": 1, "arguments": "{\\"city\\": \\"Paris\\"}", "name": "get_weather"}',
    calls: [paris],
  },
  {
    name: 'Hermes: no arguments, and a line end in a text',
    template: qwen,
    text: '<tool_call>{"name": "get_time"}</tool_call>\n<tool_call>{"name": "get_weather", "arguments": {"city": "a\nb\tc"}}</tool_call>',
    calls: [
      { name: 'get_time', arguments: {} },
      { name: 'get_weather', arguments: { city: 'a\nb\tc' } },
    ],
  },
  {
    name: 'Hermes: no JSON',
    template: qwen,
    text: 'So: <tool_call>\nget_weather("Paris")\n</tool_call> done',
    content: 'So: <tool_call>\nget_weather("Paris")\n</tool_call> done',
    warnings: 1,
  },
  {
    name: 'Hermes: JSON that breaks off',
    template: qwen,
    text: '<tool_call>{"name": "get_weather", "arguments": {"city": Paris}}</tool_call>',
    content: '<tool_call>{"name": "get_weather", "arguments": {"city": Paris}}</tool_call>',
    warnings: 1,
  },
  {
    name: 'Hermes: a tool that was not offered',
    template: qwen,
    text: '<tool_call>{"name": "fly", "arguments": {}}</tool_call>',
    calls: [{ name: 'fly', arguments: {} }],
    warnings: 1,
  },
  {
    name: 'Hermes: empty reasoning',
    template: qwen,
    text: '<think>\n\n</think>\n\nYes.',
    content: 'Yes.',
  },
  {
    name: 'Qwen3-Coder: parameters by their schema',
    template: coder,
    text: 'I look.\n\n<tool_call>\n<function=get_weather>\n<parameter=city>\nNew "York"\n<b>\n</parameter>\n<parameter=days>\n3\n</parameter>\n<parameter=hourly>\nTrue\n</parameter>\n<parameter=places>\n["a", "b"]\n</parameter>\n<parameter=options>\n{"x": 1}\n</parameter>\n<parameter=note>\nnull\n</parameter>\n<parameter=more>\n1.5\n</parameter>\n</function>\n</tool_call>',
    content: 'I look.',
    calls: [
      {
        name: 'get_weather',
        arguments: {
          city: 'New "York"\n<b>',
          days: 3,
          hourly: true,
          places: ['a', 'b'],
          options: { x: 1 },
          note: null,
          more: 1.5,
        },
      },
    ],
  },
  {
    name: 'Qwen3-Coder: no outer tag, text in place of a number, an empty text',
    template: coder,
    text: '<function=get_weather>\n<parameter=days>\na few\n</parameter>\n<parameter=city>\n</parameter>\n</function>\n</tool_call>\n<tool_call>\n<function=get_time>\n</function>\n</tool_call>',
    calls: [
      { name: 'get_weather', arguments: { days: 'a few', city: '' } },
      { name: 'get_time', arguments: {} },
    ],
  },
  {
    name: 'Qwen3-Coder: a tag in the text',
    template: coder,
    text: '#include <functional> and <function=f> are text',
    content: '#include <functional> and <function=f> are text',
  },
  {
    name: 'Qwen 3.5: a call in the middle of reasoning',
    template: `${coder} <think>`,
    prompt: '<think>\n',
    text: 'I call.\n<tool_call>\n<function=get_time>\n</function>\n</tool_call>',
    reasoning: 'I call.',
    calls: [{ name: 'get_time', arguments: {} }],
  },
  {
    name: 'Seed: tags of its own',
    template: '<seed:think> <seed:tool_call> <function=',
    text: '<seed:think>Hm</seed:think><seed:tool_call>\n<function=get_weather>\n<parameter=city>Paris</parameter>\n</function>\n</seed:tool_call>',
    reasoning: 'Hm',
    calls: [paris],
  },
  {
    name: 'Llama: the answer is a call',
    template: llama,
    text: `{"name": "get_weather", "parameters": ${parisText}}`,
    calls: [paris],
  },
  {
    name: 'Llama: two calls with a tag',
    template: llama,
    text: `<|python_tag|>{"type": "function", "name": "get_weather", "parameters": ${parisText}}; {"name": "get_time", "parameters": {}}`,
    calls: [paris, { name: 'get_time', arguments: {} }],
  },
  {
    name: 'Llama: JSON that is no call',
    template: llama,
    text: '{"name": "Anna", "parameters": {"age": 3}}',
    content: '{"name": "Anna", "parameters": {"age": 3}}',
  },
  {
    name: 'Llama: other JSON',
    template: llama,
    text: '\n{"city": "Paris"} is the answer',
    content: '\n{"city": "Paris"} is the answer',
  },
  {
    name: 'Mistral: a list of calls',
    template: mistral,
    text: `[TOOL_CALLS][{"name": "get_weather", "arguments": ${parisText}, "id": "abcdef123"}, {"name": "get_time", "arguments": {}}]`,
    calls: [paris, { name: 'get_time', arguments: {} }],
  },
  {
    name: 'Mistral: named calls, reasoning, content',
    template: mistral,
    text: `[THINK]Hm [x].[/THINK]Let me [see].[TOOL_CALLS]get_weather[ARGS]${parisText}[TOOL_CALLS]get_time[ARGS]{}`,
    reasoning: 'Hm [x].',
    content: 'Let me [see].',
    calls: [paris, { name: 'get_time', arguments: {} }],
  },
  {
    name: 'Mistral: with an id',
    template: mistral,
    text: `[TOOL_CALLS]get_weather[CALL_ID]VvvODy9mT[ARGS]${parisText}`,
    calls: [{ ...paris, id: 'VvvODy9mT' }],
  },
  {
    name: 'Mistral: without separators',
    template: mistral,
    text: `[TOOL_CALLS] get_weather${parisText}`,
    calls: [paris],
  },
  {
    name: 'GLM: with line ends',
    template: glm,
    text: '\n<think>Two.</think>\nLooking.\n<tool_call>get_weather\n<arg_key>city</arg_key>\n<arg_value>Paris</arg_value>\n<arg_key>days</arg_key>\n<arg_value>2</arg_value>\n</tool_call>\n<tool_call>get_time\n</tool_call>',
    reasoning: 'Two.',
    content: 'Looking.',
    calls: [
      { name: 'get_weather', arguments: { city: 'Paris', days: 2 } },
      { name: 'get_time', arguments: {} },
    ],
  },
  {
    name: 'GLM: without line ends, reasoning that the prompt has ended',
    template: glm,
    prompt: '<|assistant|></think>',
    text: '<tool_call>get_weather<arg_key>note</arg_key><arg_value>5 < 6 & "x"</arg_value></tool_call>',
    calls: [{ name: 'get_weather', arguments: { note: '5 < 6 & "x"' } }],
  },
  {
    name: 'DeepSeek R1: code fences',
    template: deepseek,
    prompt: '<｜Assistant｜><think>\n',
    text: `I call.\n</think>\n\n<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>get_weather\n\`\`\`json\n${parisText}\n\`\`\`<｜tool▁call▁end｜>\n<｜tool▁call▁begin｜>function<｜tool▁sep｜>get_time\n\`\`\`json\n{}\n\`\`\`<｜tool▁call▁end｜><｜tool▁calls▁end｜>`,
    reasoning: 'I call.',
    calls: [paris, { name: 'get_time', arguments: {} }],
  },
  {
    name: 'DeepSeek 3.1: names before the separator',
    template: deepseek,
    text: `Ok.<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>get_weather<｜tool▁sep｜>${parisText}<｜tool▁call▁end｜><｜tool▁call▁begin｜>get_time<｜tool▁sep｜>{}<｜tool▁call▁end｜><｜tool▁calls▁end｜>`,
    content: 'Ok.',
    calls: [paris, { name: 'get_time', arguments: {} }],
  },
  {
    name: 'DeepSeek 3.2: tags with a mark',
    template: dsml,
    prompt: '<think>',
    text: 'So.</think>Ok.\n\n<｜DSML｜function_calls>\n<｜DSML｜invoke name="get_weather">\n<｜DSML｜parameter name="city" string="true">12</｜DSML｜parameter>\n<｜DSML｜parameter name="more" string="false">[1, 2]</｜DSML｜parameter>\n</｜DSML｜invoke>\n<｜DSML｜invoke name="get_time">\n</｜DSML｜invoke>\n</｜DSML｜function_calls>',
    reasoning: 'So.',
    content: 'Ok.',
    calls: [
      { name: 'get_weather', arguments: { city: '12', more: [1, 2] } },
      { name: 'get_time', arguments: {} },
    ],
  },
  {
    name: 'Gemma: objects with marks for quotes',
    template: gemma,
    text: '<|channel>thought\nHm.\n<channel|>I look.<|tool_call>call:get_weather{city:<|"|>São {"}: <|"|>,days:-2,hourly:true,options:{a:[<|"|>x<|"|>,1.5],<|"|>b c<|"|>:null},places:[]}<tool_call|><|tool_call>call:get_time{}<tool_call|>',
    reasoning: 'Hm.',
    content: 'I look.',
    calls: [
      {
        name: 'get_weather',
        arguments: {
          city: 'São {"}: ',
          days: -2,
          hourly: true,
          options: { a: ['x', 1.5], 'b c': null },
          places: [],
        },
      },
      { name: 'get_time', arguments: {} },
    ],
  },
  {
    name: 'Gemma: reasoning after content, and an end too many',
    template: gemma,
    text: 'One.<|channel>thought\nHm.<channel|>Two.<channel|>',
    reasoning: 'Hm.',
    content: 'One.Two.',
  },
  {
    name: 'Gemma: a list that does not end',
    template: gemma,
    text: '<|tool_call>call:get_weather{places:[1 2]}<tool_call|>',
    content: '<|tool_call>call:get_weather{places:[1 2]}<tool_call|>',
    warnings: 1,
  },
  {
    name: 'Harmony: reasoning and the answer',
    template: harmony,
    text: '<|channel|>analysis<|message|>Simple.\n<|end|><|start|>assistant<|channel|>final<|message|>It is 4 <|3.',
    reasoning: 'Simple.\n',
    content: 'It is 4 <|3.',
  },
  {
    name: 'Harmony: reasoning, a word before, and a call',
    template: harmony,
    text: `<|channel|>analysis<|message|>I must look.<|end|><|start|>assistant<|channel|>commentary<|message|>One moment.<|end|><|start|>assistant<|channel|>commentary to=functions.get_weather <|constrain|>json<|message|>${parisText}`,
    reasoning: 'I must look.',
    content: 'One moment.',
    calls: [paris],
  },
  {
    name: 'Harmony: the receiver before the channel, two calls',
    template: harmony,
    text: ` to=functions.get_weather<|channel|>analysis json<|message|>${parisText}<|start|>assistant to=functions.get_time<|channel|>commentary<|message|>{}`,
    calls: [paris, { name: 'get_time', arguments: {} }],
  },
  {
    name: 'Harmony: no header',
    template: harmony,
    text: 'Just text.',
    content: 'Just text.',
  },
  {
    name: 'Harmony: a tool that it has of its own',
    template: harmony,
    text: '<|channel|>analysis to=python code<|message|>print(1)',
    content: '<|channel|>analysis to=python code<|message|>print(1)',
    warnings: 1,
  },
  {
    name: 'Kimi: a section of calls',
    template: kimi,
    text: `<think>Hm</think>Ok.<|tool_calls_section_begin|><|tool_call_begin|>functions.get_weather:0<|tool_call_argument_begin|>${parisText}<|tool_call_end|><|tool_call_begin|>functions.get_time:1<|tool_call_argument_begin|>{}<|tool_call_end|><|tool_calls_section_end|>`,
    reasoning: 'Hm',
    content: 'Ok.',
    calls: [
      { ...paris, id: 'functions.get_weather:0' },
      { name: 'get_time', arguments: {}, id: 'functions.get_time:1' },
    ],
  },
  {
    name: 'Kimi: calls without a section, in the middle of reasoning',
    template: kimi,
    text: `<think>Hm <|tool_call_begin|>functions.get_weather:7<|tool_call_argument_begin|> ${parisText} <|tool_call_end|>`,
    reasoning: 'Hm',
    calls: [{ ...paris, id: 'functions.get_weather:7' }],
  },
  {
    name: 'MiniMax: a block of calls',
    template: minimax,
    prompt: ']~b]ai\n<think>\n',
    text: 'Let me.\n</think>\n\nOk.\n<minimax:tool_call>\n<invoke name="get_weather">\n<parameter name="city">Paris</parameter>\n<parameter name="places">["x"]</parameter>\n</invoke>\n<invoke name="get_time">\n</invoke>\n</minimax:tool_call>',
    reasoning: 'Let me.',
    content: 'Ok.',
    calls: [
      { name: 'get_weather', arguments: { city: 'Paris', places: ['x'] } },
      { name: 'get_time', arguments: {} },
    ],
  },
];

/** One transcript of each family that calls tools, by the opening of a call. */
export const openings: readonly { readonly template: string; readonly opening: string }[] = [
  { template: qwen, opening: '<tool_call>\n{"name": "get_weather", "arguments": ' },
  { template: coder, opening: '<tool_call>\n<function=get_weather>\n<parameter=city>\n' },
  { template: llama, opening: '<|python_tag|>{"name": "get_weather", "parameters": ' },
  { template: mistral, opening: '[TOOL_CALLS]get_weather[ARGS]' },
  { template: mistral, opening: '[TOOL_CALLS][{"name": ' },
  { template: glm, opening: '<tool_call>get_weather\n<arg_key>days</arg_key>' },
  { template: deepseek, opening: '<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>' },
  { template: dsml, opening: '<｜DSML｜function_calls>\n<｜DSML｜invoke name="get_weather">' },
  { template: gemma, opening: '<|tool_call>call:get_weather{days:' },
  {
    template: harmony,
    opening: '<|channel|>commentary to=functions.get_weather <|constrain|>json<|message|>',
  },
  { template: kimi, opening: '<|tool_calls_section_begin|><|tool_call_begin|>functions.get_weather:0' },
  { template: minimax, opening: '<minimax:tool_call>\n<invoke name="get_weather">' },
];

/** Reads a text that comes in these pieces. */
export function readPieces(
  { template, prompt = '' }: Pick<Transcript, 'template' | 'prompt'>,
  pieces: readonly string[],
  {
    reason = 'stop',
    tools = transcriptTools,
    splitsReasoning = true,
  }: { reason?: 'stop' | 'length'; tools?: readonly ToolDefinition[]; splitsReasoning?: boolean } = {},
): OutputEvent[] {
  const parser = createParser(chooseFormat(template), { prompt, tools, splitsReasoning });
  return [...pieces.flatMap((piece) => parser.push(piece)), ...parser.end(reason)];
}

/** The same events with neighbours of one kind joined, and ids that were drawn at random left out. */
export function joined(events: readonly OutputEvent[]): OutputEvent[] {
  const result: OutputEvent[] = [];
  for (const event of events) {
    const last = result.at(-1);
    if (last !== undefined && last.kind === event.kind && 'text' in last && 'text' in event)
      result[result.length - 1] = { ...last, text: last.text + event.text };
    else if (event.kind === 'tool-call' && !event.id.startsWith('functions.'))
      result.push({ ...event, id: '' });
    else result.push(event);
  }
  return result;
}

/** The output, put together from all that was made of it. */
export function rawText(events: readonly OutputEvent[]): string {
  return events
    .map((event) => {
      if (event.kind === 'tool-call-end') return event.raw;
      return event.kind === 'content' || event.kind === 'reasoning' || event.kind === 'marker'
        ? event.text
        : '';
    })
    .join('');
}
