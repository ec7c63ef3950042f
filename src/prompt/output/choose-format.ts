import { headerSyntax, jsonObjectSyntax, type CallSyntax } from './call-syntax.js';
import { gemmaCalls, gemmaMarks } from './families/gemma.js';
import { glmCalls } from './families/glm.js';
import { harmonyMarks, readHarmony } from './families/harmony.js';
import { hermesCalls } from './families/hermes.js';
import { invokeCalls } from './families/invoke.js';
import { llamaCalls, pythonTag } from './families/llama.js';
import { mistralCalls, mistralMarks } from './families/mistral.js';
import { qwenCoderCalls } from './families/qwen-coder.js';
import { deepseekCalls, deepseekMarks, kimiCalls, kimiMarks } from './families/section.js';
import type { FormatName, OutputFormat } from './output-format.js';
import { readOutput, type OutputStyle, type ReasoningMarks } from './output-style.js';

type Calls = Pick<OutputStyle, 'openings' | 'readCalls' | 'readFirst'>;

/** How a family is known by its template, and what its output looks like. The first one that fits is taken. */
interface Family {
  readonly name: FormatName;
  fits(template: string): boolean;
  readonly calls: Calls;
  readonly syntax: CallSyntax;
  readonly callIds?: OutputFormat['callIds'];
  readonly controlTokens?: readonly string[];
  readonly endsWithCalls?: boolean;
}

const has =
  (...marks: string[]) =>
  (template: string): boolean =>
    marks.every((mark) => template.includes(mark));

const escapedRegex = (text: string): string => text.replace(/[^\w]/g, '\\$&');

/** The key `name` of a JSON object, with escapes or without. */
const nameKey = String.raw`"(?:n|\\u006[eE])(?:a|\\u0061)(?:m|\\u006[dD])(?:e|\\u0065)"`;

const dsmlMark = '｜DSML｜';
const toolCallTags = ['<tool_call>', '</tool_call>'];

function parameterSyntax(parts: {
  begin?: string;
  between?: string;
  end?: string;
  before: (name: string) => string;
  after: string;
  parameter: (name: string, isText: boolean) => string;
  parameterClose: string;
}): CallSyntax {
  const { begin = '', between = '\n', end = '', before, after, parameter, parameterClose } = parts;
  return {
    begin,
    between,
    end,
    before,
    after,
    arguments: { kind: 'parameters', before: parameter, after: parameterClose },
  };
}

function qwenCoder(name: FormatName, tag: string): Family {
  return {
    name,
    fits: has(`<${tag}>`, '<function='),
    calls: qwenCoderCalls(tag),
    syntax: {
      ...parameterSyntax({
        before: (tool) => `<${tag}>\n<function=${tool}>\n`,
        after: `</function>\n</${tag}>`,
        parameter: (key) => `<parameter=${key}>\n`,
        parameterClose: '\n</parameter>\n',
      }),
      // Without the outer tag, only a tool that was offered is called.
      marks: (tools) => [`<${tag}>`, { regex: `<function=\\s*(?:${tools.map(escapedRegex).join('|')})` }],
    },
    controlTokens: [`<${tag}>`, `</${tag}>`],
    endsWithCalls: true,
  };
}

function invoke(name: FormatName, fits: Family['fits'], block: string, mark = ''): Family {
  return {
    name,
    fits,
    calls: invokeCalls(block, mark),
    syntax: parameterSyntax({
      begin: `<${mark}${block}>\n`,
      end: `\n</${mark}${block}>`,
      before: (tool) => `<${mark}invoke name="${tool}">\n`,
      after: `</${mark}invoke>`,
      parameter: (key, isText) =>
        `<${mark}parameter name="${key}"${mark === '' ? '' : ` string="${String(isText)}"`}>`,
      parameterClose: `</${mark}parameter>\n`,
    }),
    controlTokens: mark === '' ? [`<${block}>`, `</${block}>`] : [mark],
  };
}

function mistral(fits: Family['fits'], syntax: CallSyntax): Family {
  return {
    name: 'mistral',
    fits,
    calls: mistralCalls,
    syntax,
    callIds: 'mistral',
    controlTokens: Object.values(mistralMarks),
  };
}

function deepseek(fits: Family['fits'], syntax: CallSyntax): Family {
  return {
    name: 'deepseek',
    fits,
    calls: deepseekCalls,
    syntax,
    controlTokens: Object.values(deepseekMarks),
    endsWithCalls: true,
  };
}

/** A JSON string of one of these texts, or of any text that has escapes. */
function jsonTexts(texts: readonly string[]): string {
  return `"(?:(?:${texts.map(escapedRegex).join('|')})"|[^"\\\\]*\\\\)`;
}

const families: readonly Family[] = [
  mistral(
    has(mistralMarks.calls, mistralMarks.arguments),
    headerSyntax((tool) => `${mistralMarks.calls}${tool}${mistralMarks.arguments}`),
  ),
  mistral(
    has(mistralMarks.calls),
    jsonObjectSyntax({ begin: `${mistralMarks.calls}[`, between: ', ', end: ']' }),
  ),
  {
    name: 'kimi',
    fits: has(kimiMarks.open, kimiMarks.call),
    calls: kimiCalls,
    syntax: headerSyntax(
      (tool, index) => `${kimiMarks.call}functions.${tool}:${index}${kimiMarks.separator}`,
      { begin: kimiMarks.open, after: kimiMarks.callClose, end: kimiMarks.close },
    ),
    callIds: 'kimi',
    controlTokens: Object.values(kimiMarks),
    endsWithCalls: true,
  },
  invoke('deepseek-dsml', has('DSML', 'function_calls'), 'function_calls', dsmlMark),
  invoke('deepseek-dsml', has('DSML', 'tool_calls'), 'tool_calls', dsmlMark),
  deepseek(
    has(deepseekMarks.open, deepseekMarks.call, '```json'),
    headerSyntax((tool) => `${deepseekMarks.call}function${deepseekMarks.separator}${tool}\n\`\`\`json\n`, {
      begin: deepseekMarks.open,
      between: '\n',
      after: `\n\`\`\`${deepseekMarks.callClose}`,
      end: deepseekMarks.close,
    }),
  ),
  deepseek(
    has(deepseekMarks.open, deepseekMarks.call),
    headerSyntax((tool) => `${deepseekMarks.call}${tool}${deepseekMarks.separator}`, {
      begin: deepseekMarks.open,
      after: deepseekMarks.callClose,
      end: deepseekMarks.close,
    }),
  ),
  {
    name: 'gemma',
    fits: has(`${gemmaMarks.open}call:`),
    calls: gemmaCalls,
    syntax: {
      begin: '',
      between: '',
      end: '',
      before: (tool) => `${gemmaMarks.open}call:${tool}`,
      after: gemmaMarks.close,
      arguments: { kind: 'gemma' },
    },
    controlTokens: Object.values(gemmaMarks),
  },
  invoke('minimax', has('<minimax:tool_call>'), 'minimax:tool_call'),
  {
    name: 'glm',
    fits: has('<tool_call>', '<arg_key>'),
    calls: glmCalls,
    syntax: parameterSyntax({
      before: (tool) => `<tool_call>${tool}\n`,
      after: '</tool_call>',
      parameter: (key) => `<arg_key>${key}</arg_key>\n<arg_value>`,
      parameterClose: '</arg_value>\n',
    }),
    controlTokens: [...toolCallTags, '<arg_key>', '</arg_key>', '<arg_value>', '</arg_value>'],
    endsWithCalls: true,
  },
  qwenCoder('qwen-coder', 'tool_call'),
  qwenCoder('seed', 'seed:tool_call'),
  {
    name: 'hermes',
    // Apriel writes a list of calls, and MiniMax M3 a mark before each tag.
    fits: (template) => template.includes('<tool_call>') && !/<tool_calls>\[|]<]minimax\[>\[/.test(template),
    calls: hermesCalls,
    syntax: jsonObjectSyntax({ open: '<tool_call>\n', close: '\n</tool_call>' }),
    controlTokens: toolCallTags,
  },
  {
    name: 'llama',
    // Functionary is a Llama that writes its calls in tags.
    fits: (template) =>
      template.includes('<|start_header_id|>') &&
      (template.includes(pythonTag) || template.includes('"parameters": ')) &&
      !template.includes('<function='),
    calls: llamaCalls,
    syntax: {
      ...jsonObjectSyntax({ between: '; ', key: 'parameters' }),
      bare: (tools) => [{ regex: `\\s*\\{[\\s\\S]*${nameKey}\\s*:\\s*${jsonTexts(tools)}` }],
    },
    controlTokens: [pythonTag],
  },
];

function tagged(open: string, close: string, closing = close): ReasoningMarks {
  return { open, close, closing };
}

/** How reasoning is marked, by the template. The first one that fits is taken. */
const reasonings: readonly ReasoningMarks[] = [
  { ...tagged('<|channel>thought', '<channel|>', '\n<channel|>'), anywhere: true },
  tagged('[THINK]', '[/THINK]'),
  tagged('<seed:think>', '</seed:think>'),
  tagged('<mm:think>', '</mm:think>'),
  tagged('<think>', '</think>', '\n</think>\n\n'),
];

const harmonyLead = '<|channel|>commentary ';
const harmonyReceiver = 'to=functions.';

const harmony: OutputFormat = {
  name: 'harmony',
  controlTokens: () => Object.values(harmonyMarks),
  reasoning: {
    ...tagged('<|channel|>analysis<|message|>', harmonyMarks.end),
    closing: '<|end|><|start|>assistant<|channel|>final<|message|>',
    breaks: [harmonyMarks.start, harmonyMarks.channel],
  },
  frame: { next: '<|start|>assistant', content: '<|channel|>final<|message|>' },
  calls: {
    ...headerSyntax((tool) => `${harmonyLead}${harmonyReceiver}${tool} <|constrain|>json<|message|>`),
    // What ends a call ends the generation.
    isSingle: true,
    lead: harmonyLead,
    openings: [harmonyReceiver],
  },
  callIds: 'random',
  read: readHarmony,
};

const known = new Map<string, OutputFormat>();
const knownLimit = 64;

/**
 * How a model writes reasoning and tool calls, known by the markers in its chat template.
 * @param template Jinja source; undefined where the model has none
 */
export function chooseFormat(template: string | undefined): OutputFormat {
  const source = template ?? '';
  let format = known.get(source);
  if (format === undefined) {
    if (known.size >= knownLimit) known.clear();
    format = makeFormat(source);
    known.set(source, format);
  }
  return format;
}

function makeFormat(template: string): OutputFormat {
  if (has(harmonyMarks.channel, harmonyMarks.message)(template)) return harmony;
  const family = families.find((one) => one.fits(template));
  const marks = reasonings.find(({ open, close }) => template.includes(open) || template.includes(close));
  const reasoning =
    marks === undefined ? undefined : { ...marks, endsWithCalls: family?.endsWithCalls === true };
  const style: OutputStyle = {
    ...(family?.calls ?? { openings: [], readCalls: noCalls }),
    ...(reasoning === undefined ? {} : { reasoning }),
  };
  return {
    name: family?.name ?? 'plain',
    controlTokens: ({ tools }) => [
      ...(tools ? (family?.controlTokens ?? []) : []),
      ...reasoningTokens(reasoning),
    ],
    ...(reasoning === undefined ? {} : { reasoning }),
    ...(family === undefined ? {} : { calls: { ...family.syntax, openings: family.calls.openings } }),
    callIds: family?.callIds ?? 'random',
    read: (parts) => readOutput(parts, style),
  };
}

/** The control tokens among the marks of reasoning: of Gemma's opening, the rest is text. */
function reasoningTokens(marks: ReasoningMarks | undefined): readonly string[] {
  return marks === undefined ? [] : [marks.open.replace(/(?<=>)\w+$/, ''), marks.close];
}

// oxlint-disable-next-line require-yield -- others read on
function* noCalls(): Generator<undefined, boolean, undefined> {
  return false;
}
