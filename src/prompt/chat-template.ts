import { HeddleError } from '../core/errors.js';
import type { ModelInfo } from '../core/model-runner.js';
import type { Prompt } from '../core/generation.js';
import { probeArguments } from './argument-shape.js';
import type { ChatMessage } from './chat-message.js';
import { chooseFormat } from './output/choose-format.js';
import { chooseTemplate } from './template-choice.js';
import { TemplateComplaint, TemplateEngine } from './template-engine.js';
import { shapeMessages, type MessageShape } from './template-messages.js';
import { shapeTool } from './template-tool.js';

export type { ChatMessage } from './chat-message.js';

/** A template that was parsed, and what was found out of it. */
interface KnownTemplate {
  readonly template: TemplateEngine;
  readonly shape: MessageShape;
}

/** Templates take milliseconds to parse, so each is parsed once. */
const parsed = new Map<string, KnownTemplate>();
const parsedLimit = 64;

/**
 * The prompt of a chat, written by the model's own template.
 * @param variables further variables for the template, such as `enable_thinking`, and `tools`
 * @throws HeddleError `chat_template_missing`, `unsupported_by_model` for tools that the template does not know, or
 * `chat_template_failed` with the template's own complaint
 */
export function renderChat(
  info: ModelInfo,
  messages: readonly ChatMessage[],
  variables: Readonly<Record<string, unknown>> = {},
): Extract<Prompt, { kind: 'text' }> {
  const source = chooseTemplate(info, { hasTools: hasTools(variables) });
  const { template, shape } = knownTemplate(source);
  const tokens = { bos_token: info.bosText, eos_token: info.eosText };
  const text = reported(template, tokens, {
    ...variables,
    ...(hasTools(variables) ? { tools: variables['tools'].map(shapeTool) } : {}),
    messages: shapeMessages(messages, shape),
    add_generation_prompt: true,
    ...tokens,
  });
  const wroteBos = info.bosText !== '' && text.startsWith(info.bosText);
  return { kind: 'text', text, addSpecial: !wroteBos, parseSpecial: true };
}

/** A chat's variables have tools that the model may call. */
export function hasTools(
  variables: Readonly<Record<string, unknown>>,
): variables is { readonly tools: readonly unknown[] } {
  const { tools } = variables;
  return Array.isArray(tools) && tools.length > 0;
}

const plainChat = { messages: [{ role: 'user', content: 'Hi' }], add_generation_prompt: true };

function reported(template: TemplateEngine, tokens: object, variables: Record<string, unknown>): string {
  try {
    return template.render(variables);
  } catch (error) {
    const isAtFault =
      !(error instanceof TemplateComplaint) && !canRender(template, { ...plainChat, ...tokens });
    if (isAtFault) throw unusable(error);
    throw new HeddleError(
      'chat_template_failed',
      `The model's chat template does not accept these messages: ${messageOf(error)}`,
      { param: 'messages', cause: error },
    );
  }
}

/** A template that fails on the plainest of chats does so whatever is sent. Its own complaint is no failure. */
function canRender(template: TemplateEngine, variables: Record<string, unknown>): boolean {
  try {
    template.render(variables);
    return true;
  } catch (error) {
    return error instanceof TemplateComplaint;
  }
}

function unusable(cause: unknown): HeddleError {
  return new HeddleError(
    'chat_template_failed',
    `The model's chat template can not be used, whatever the messages: ${messageOf(cause)}. It needs something of Jinja ` +
      'that heddle does not know. Use /v1/completions with a prompt in the form that the model was trained on, or a ' +
      'file of the model with another template.',
    { cause },
  );
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function knownTemplate(source: string): KnownTemplate {
  let known = parsed.get(source);
  if (known === undefined) {
    if (parsed.size >= parsedLimit) parsed.clear();
    const template = parseTemplate(source);
    const shape = {
      arguments: probeArguments((variables) => template.render(variables)),
      format: chooseFormat(source),
      hasThinkingParts: /['"]thinking['"]\s*%}/.test(source),
    };
    known = { template, shape };
    parsed.set(source, known);
  }
  return known;
}

function parseTemplate(source: string): TemplateEngine {
  try {
    return new TemplateEngine(source);
  } catch (error) {
    throw unusable(error);
  }
}
