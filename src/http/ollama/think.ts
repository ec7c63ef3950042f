import { HeddleError, toHeddleError } from '../../core/errors.js';
import type { ModelInfo } from '../../core/model-runner.js';
import { chooseFormat } from '../../prompt/output/choose-format.js';
import { hasVariable } from '../../prompt/template-choice.js';
import { thinkingVariables, type ReasoningEffort } from '../../prompt/thinking.js';

export type Think = boolean | 'low' | 'medium' | 'high';

/** A model reasons, in a way that can be told from the rest of its output. */
export function canThink({ chatTemplate, toolChatTemplate }: TemplateSources): boolean {
  return [chatTemplate, toolChatTemplate].some((source) => chooseFormat(source).reasoning !== undefined);
}

type TemplateSources = Pick<ModelInfo, 'chatTemplate' | 'toolChatTemplate'>;

/**
 * The variables of a template for whether its model is to reason; none when nothing is said: then the template decides.
 * A model without reasoning need not be told to leave it, nor one that always reasons to do so.
 * @throws HeddleError `unsupported_by_model`
 */
export function thinkVariables(info: ModelInfo, think: Think | undefined): Readonly<Record<string, unknown>> {
  if (think === undefined) return {};
  if (!canThink(info)) {
    if (think === false) return {};
    throw unsupported('it does not reason, or not in a way that heddle can tell from the rest');
  }
  if (think === true && !hasSwitch(info)) return {};
  try {
    return thinkingVariables(info, {}, effortOf(think));
  } catch (thrown) {
    const error = toHeddleError(thrown);
    if (error.code !== 'unsupported_by_model') throw error;
    throw unsupported('it always reasons: its chat template has no variable for it');
  }
}

function effortOf(think: Think): ReasoningEffort {
  if (think === false) return 'none';
  return think === true ? 'medium' : think;
}

/** Reasoning can be switched on. Where there are only efforts, the template has one for those who say nothing. */
function hasSwitch({ chatTemplate = '', toolChatTemplate = '' }: ModelInfo): boolean {
  const template = chatTemplate + toolChatTemplate;
  return hasVariable(template, 'enable_thinking') || hasVariable(template, 'thinking');
}

function unsupported(why: string): HeddleError {
  return new HeddleError('unsupported_by_model', `"think": this model can not be told so: ${why}.`, {
    param: 'think',
  });
}
