import { HeddleError } from '../../core/errors.js';
import type { GrammarSource } from '../../core/generation.js';
import {
  anyOf,
  composeGrammar,
  group,
  inOrder,
  literal,
  textUntil,
  type NamedGrammar,
} from '../../grammar/index.js';
import { callGrammar } from './call-grammar.js';
import type { CallDemand } from './called-tool.js';
import type { ContentForm } from './content-form.js';
import { freeOutput } from './free-output.js';
import type { ReasoningMarks } from './output-style.js';
import { opensReasoning, type OutputFormat } from './output-format.js';

/** What an answer is held to, whatever the family of its model. */
export interface OutputForm {
  /** Any text when absent. */
  readonly content?: ContentForm | undefined;
  /** None when absent. */
  readonly calls?: CallDemand | undefined;
  /** There is one call at most. */
  readonly singleCall?: boolean;
}

/** White space that models write behind reasoning; it belongs to nothing. */
const spaces = '[ \\n]{0,4}';

/**
 * The grammar of an output, as a family writes it. Reasoning is free. What follows it has the form that was asked for:
 * content, or calls, or either; or it is free text until a call begins, which has the form of its tool.
 * @param prompt its text, which may have begun the reasoning
 * @returns undefined where any output will do
 * @throws HeddleError `invalid_parameter`, `unsupported_schema` or `unsupported_by_model` when it can not be enforced
 */
export function outputGrammar(
  format: OutputFormat,
  prompt: string,
  form: OutputForm,
): GrammarSource | undefined {
  const { content, calls, singleCall: isSingle = false } = form;
  if (calls === undefined || calls.tools.length === 0)
    return content === undefined ? undefined : contentGrammar(format, prompt, content);
  const isRequired = calls.mode === 'required';
  if (!isRequired && content === undefined && !calls.tools.some(({ strict }) => strict)) return undefined;
  const syntax = syntaxOf(format, calls);
  checkContent(content);
  const { tools, param } = calls;
  if (!isRequired && content === undefined)
    return { source: freeOutput({ ...format, calls: syntax }, prompt, { tools, isSingle }), param };
  const part = callGrammar(syntax, { tools, isSingle, heldToAll: isRequired, isLed: false });
  const either = isRequired || content?.part === undefined ? undefined : content.part;
  const begin = format.frame === undefined ? '' : literal(format.frame.content);
  const root = either === undefined ? part.name : anyOf([part.name, group(begin, either.name)]);
  const opening = reasoningOpening(format, prompt, {
    before: format.frame === undefined && either === undefined ? spaces : '',
    behind: '',
    breaks: format.reasoning?.endsWithCalls === true ? syntax.openings : [],
  });
  return {
    source: composeGrammar({ root, rules: either === undefined ? [part] : [part, either] }),
    ...(opening === undefined ? {} : { opening }),
    param,
  };
}

/**
 * What is written to end reasoning that has become too long: so much of it that the output can still take every form that
 * was asked for.
 * @returns undefined where reasoning is not marked
 */
export function reasoningClosing(format: OutputFormat, form: OutputForm): string | undefined {
  const { reasoning, frame } = format;
  const mayCall = form.calls !== undefined && form.calls.tools.length > 0;
  const mustChoose = mayCall && (form.calls?.mode === 'required' || form.content !== undefined);
  return frame !== undefined && reasoning !== undefined && mustChoose
    ? reasoning.close + frame.next
    : reasoning?.closing;
}

/** What stands before content, and content. */
function contentGrammar(format: OutputFormat, prompt: string, { source, param }: ContentForm): GrammarSource {
  const { frame, reasoning } = format;
  const behind = frame === undefined ? '' : literal(frame.content);
  const opening =
    reasoning === undefined
      ? undefined
      : reasoningOpening(format, prompt, { before: '', behind, breaks: [] });
  return {
    source,
    ...(opening === undefined ? {} : { opening }),
    ...(param === undefined ? {} : { param }),
  };
}

/**
 * Reasoning, if there is any, as a grammar.
 * @param around.breaks texts that it does not have, because they would end it
 */
function reasoningOpening(
  format: OutputFormat,
  prompt: string,
  around: { before: string; behind: string; breaks: readonly string[] },
): string | undefined {
  const { reasoning, frame } = format;
  if (reasoning === undefined || isOver(prompt, reasoning))
    return around.before === '' && around.behind === ''
      ? undefined
      : composeGrammar({ root: inOrder(around.before, around.behind), rules: [] });
  const breaks = [...(reasoning.breaks ?? []), ...around.breaks];
  const thought: NamedGrammar = textUntil(reasoning.close, 'thought', breaks);
  const next = frame === undefined ? spaces : literal(frame.next);
  const root = opensReasoning(format, prompt)
    ? inOrder(thought.name, next, around.behind)
    : inOrder(around.before, `${group(literal(reasoning.open), thought.name, next)}?`, around.behind);
  return composeGrammar({ root, rules: [thought] });
}

/** The prompt has ended the reasoning before it began: the model is not to reason. */
function isOver(prompt: string, { close }: ReasoningMarks): boolean {
  return prompt.trimEnd().endsWith(close);
}

function syntaxOf(format: OutputFormat, { param }: CallDemand): NonNullable<OutputFormat['calls']> {
  if (format.calls !== undefined) return format.calls;
  throw new HeddleError(
    'unsupported_by_model',
    `This model can not be made to call tools: in what way it writes calls is not known. Leave "${param}" out.`,
    { param },
  );
}

/** A grammar that a client wrote can not be put into another one. */
function checkContent(content: ContentForm | undefined): void {
  if (content === undefined || content.part !== undefined) return;
  const { param = 'grammar' } = content;
  throw new HeddleError(
    'invalid_parameter',
    `"${param}": a grammar is of a whole answer, in which no tool could be called. Leave it out, or the tools, or send "tool_choice": "none".`,
    { param },
  );
}
