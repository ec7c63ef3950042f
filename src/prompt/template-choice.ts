import { HeddleError } from '../core/errors.js';
import type { ModelInfo } from '../core/model-runner.js';
import { chooseFormat } from './output/choose-format.js';

/**
 * The template of a model that writes a chat, as Jinja source.
 * @throws HeddleError `chat_template_missing`; `unsupported_by_model` where there are tools and the model was not taught to
 * call any, or in a way that is not known here
 */
export function chooseTemplate(info: ModelInfo, { hasTools }: { hasTools: boolean }): string {
  if (info.chatTemplate === undefined) {
    throw new HeddleError(
      'chat_template_missing',
      'This model has no chat template: it was not trained to chat. Use /v1/completions.',
    );
  }
  if (!hasTools) return info.chatTemplate;
  const template = info.toolChatTemplate ?? info.chatTemplate;
  if (!hasVariable(template, 'tools')) throw unsupported('has no room for tools.');
  if (chooseFormat(template).calls === undefined)
    throw unsupported('has tools, but has them called in a way that heddle can not read.');
  return template;
}

/** A template makes something of a variable. Names in its texts count too: they can not be told from others for sure. */
export function hasVariable(template: string, name: string): boolean {
  return new RegExp(`\\b${name}\\b`).test(template);
}

function unsupported(why: string): HeddleError {
  return new HeddleError(
    'unsupported_by_model',
    `This model can not be given tools: its chat template ${why} Leave them out, or take another model.`,
    { param: 'tools' },
  );
}
