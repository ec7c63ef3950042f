import { HeddleError } from '../core/errors.js';
import type { ModelInfo } from '../core/model-runner.js';
import { hasVariable } from './template-choice.js';

/** How much a model is to reason, from none to most, as the OpenAI API says it. */
export const reasoningEfforts = ['none', 'minimal', 'low', 'medium', 'high', 'xhigh'] as const;
export type ReasoningEffort = (typeof reasoningEfforts)[number];

/** Names under which templates know whether the model is to reason. `thinking` is a field of messages too. */
const switches = [
  { name: 'enable_thinking', known: /\benable_thinking\b/ },
  { name: 'thinking', known: /\bthinking is (?:not )?defined\b|\b(?:if|not) thinking\b(?!['"\]])/ },
] as const;

/**
 * The variables of a template for how much its model is to reason. A template that knows no efforts has a switch at most:
 * `none` turns it off, any other effort on.
 * @param variables those that the client has set: `enable_thinking` among them goes before the effort
 * @param param where the client has set the effort
 * @returns all of them, under the names that the template knows
 * @throws HeddleError `unsupported_by_model` where the template has no such variable
 */
export function thinkingVariables(
  info: ModelInfo,
  variables: Readonly<Record<string, unknown>>,
  effort: ReasoningEffort | undefined,
  param = 'reasoning_effort',
): Readonly<Record<string, unknown>> {
  const template = `${info.chatTemplate ?? ''}${info.toolChatTemplate ?? ''}`;
  if (template === '') return variables; // there is no chat without a template, and no prompt either
  const known = switches.find((one) => one.known.test(template))?.name;
  const { enable_thinking: asked, ...others } = variables;
  const isOn = asked ?? (effort === undefined ? undefined : effort !== 'none');
  if (asked !== undefined && known === undefined)
    throw unsupported('chat_template_kwargs.enable_thinking', 'whether it reasons');
  const hasEffort = hasVariable(template, 'reasoning_effort');
  if (effort !== undefined && !hasEffort && known === undefined)
    throw unsupported(param, 'how much it reasons');
  const isKnownSwitch = known !== undefined && (asked !== undefined || !hasEffort || effort === 'none');
  return {
    ...(hasEffort && effort !== undefined ? { reasoning_effort: effort } : {}),
    ...(isKnownSwitch && isOn !== undefined ? { [known]: isOn } : {}),
    ...others,
  };
}

/** What the template of a model lets be said of its reasoning: whether it is to reason, and how much. */
export function thinkingControls({
  chatTemplate = '',
  toolChatTemplate = '',
}: Pick<ModelInfo, 'chatTemplate' | 'toolChatTemplate'>): { hasSwitch: boolean; hasEfforts: boolean } {
  const template = chatTemplate + toolChatTemplate;
  return {
    hasSwitch: switches.some(({ known }) => known.test(template)),
    hasEfforts: hasVariable(template, 'reasoning_effort'),
  };
}

function unsupported(param: string, what: string): HeddleError {
  return new HeddleError(
    'unsupported_by_model',
    `This model can not be told ${what}: its chat template has no variable for it. Leave "${param}" out.`,
    { param },
  );
}
