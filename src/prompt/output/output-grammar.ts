import type { GrammarSource } from '../../core/generation.js';
import { composeGrammar, group, inOrder, literal, textUntil } from '../../grammar/index.js';
import type { ContentForm } from './content-form.js';
import type { ReasoningMarks } from './output-style.js';
import { opensReasoning, type OutputFormat } from './output-format.js';

/** What an answer is held to, whatever the family of its model. */
export interface OutputForm {
  /** Any text when absent. */
  readonly content?: ContentForm | undefined;
}

/** White space that models write behind reasoning; it belongs to nothing. */
const spaces = '[ \\n]{0,4}';

/**
 * The grammar of an output, as a family writes it: reasoning is free, and what follows it has the form that was asked for.
 * @param prompt its text, which may have begun the reasoning
 * @returns undefined where any output will do
 */
export function outputGrammar(
  format: OutputFormat,
  prompt: string,
  { content }: OutputForm,
): GrammarSource | undefined {
  if (content === undefined) return undefined;
  const { source, param } = content;
  const opening = contentOpening(format, prompt);
  return {
    source,
    ...(opening === undefined ? {} : { opening }),
    ...(param === undefined ? {} : { param }),
  };
}

/** What may stand before content. */
function contentOpening(format: OutputFormat, prompt: string): string | undefined {
  const { reasoning, frame } = format;
  if (reasoning === undefined || isOver(prompt, reasoning)) return undefined;
  const thought = textUntil(reasoning.close, 'thought');
  const behind = frame === undefined ? spaces : literal(frame.next);
  const before = frame === undefined ? '' : literal(frame.content);
  const root = opensReasoning(format, prompt)
    ? inOrder(thought.name, behind, before)
    : inOrder(`${group(literal(reasoning.open), thought.name, behind)}?`, before);
  return composeGrammar({ root, rules: [thought] });
}

/** The prompt has ended the reasoning before it began: the model is not to reason. */
function isOver(prompt: string, { close }: ReasoningMarks): boolean {
  return prompt.trimEnd().endsWith(close);
}
