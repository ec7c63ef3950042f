import { Template } from '@huggingface/jinja';
import { HeddleError } from '../core/errors.js';
import type { ModelInfo } from '../core/model-runner.js';
import type { Prompt } from '../core/generation.js';

/** A message as chat templates read it: text content, other fields as the client sent them. */
export interface ChatMessage {
  readonly role: 'system' | 'user' | 'assistant' | 'tool';
  readonly content: string;
  readonly [field: string]: unknown;
}

/** Templates take milliseconds to parse, so each is parsed once. */
const parsed = new Map<string, Template>();
const parsedLimit = 64;

/**
 * The prompt of a chat, written by the model's own template.
 * @param variables further variables for the template, such as `enable_thinking`
 * @throws HeddleError `chat_template_missing`, or `chat_template_failed` with the template's own complaint
 */
export function renderChat(
  info: ModelInfo,
  messages: readonly ChatMessage[],
  variables: Readonly<Record<string, unknown>> = {},
): Extract<Prompt, { kind: 'text' }> {
  if (info.chatTemplate === undefined) {
    throw new HeddleError(
      'chat_template_missing',
      'This model has no chat template: it was not trained to chat. Use /v1/completions.',
    );
  }
  const text = render(info.chatTemplate, {
    ...variables,
    messages,
    add_generation_prompt: true,
    bos_token: info.bosText,
    eos_token: info.eosText,
  });
  const wroteBos = info.bosText !== '' && text.startsWith(info.bosText);
  return { kind: 'text', text, addSpecial: !wroteBos, parseSpecial: true };
}

function render(source: string, variables: Record<string, unknown>): string {
  try {
    return template(source).render(variables);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new HeddleError(
      'chat_template_failed',
      `The model's chat template does not accept these messages: ${reason}`,
      { param: 'messages', cause: error },
    );
  }
}

function template(source: string): Template {
  let known = parsed.get(source);
  if (known === undefined) {
    if (parsed.size >= parsedLimit) parsed.clear();
    known = new Template(source);
    parsed.set(source, known);
  }
  return known;
}
