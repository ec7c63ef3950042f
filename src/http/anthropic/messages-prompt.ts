import { HeddleError } from '../../core/errors.js';
import type { GenerateRequest, Prompt } from '../../core/generation.js';
import type { ModelInfo } from '../../core/model-runner.js';
import type { StableRuleSwitches } from '../../core/stable-rules.js';
import { placesInPrompt, type MessagePlace } from '../../prompt/message-places.js';
import { chooseFormat } from '../../prompt/output/choose-format.js';
import type { ContentForm } from '../../prompt/output/content-form.js';
import { opensReasoning } from '../../prompt/output/output-format.js';
import type { ChatInput } from '../../prompt/stable/chat-input.js';
import { chooseTemplate } from '../../prompt/template-choice.js';
import type { AnswerPrompt } from '../answer.js';
import { chatPrompt } from '../chat-prompt.js';
import { checkPromptLength } from '../prompt-length.js';
import { toConversation } from './chat-messages.js';
import { clearedThinking } from './context-management.js';
import type { PromptBody } from './messages-schema.js';
import { toContentForm } from './output-schema.js';
import { planThinking } from './thinking-schema.js';
import { toOfferedTools } from './tool-schema.js';

type TextPrompt = Extract<Prompt, { kind: 'text' }>;

/** An answer to be asked for, with its prompt as text. */
export type MessagesPrompt = AnswerPrompt & { readonly request: { readonly prompt: TextPrompt } };

/**
 * What a body asks, made ready before its model is loaded.
 * @returns what is asked of the model, once that is loaded
 * @throws HeddleError as {@link toConversation}, {@link toOfferedTools} and {@link toContentForm}; what is returned, as {@link chatPrompt},
 * {@link planThinking} and {@link checkPromptLength}
 */
export function messagesPrompt(
  body: PromptBody,
  rules: StableRuleSwitches,
): (info: ModelInfo, request: Omit<GenerateRequest, 'prompt'>) => MessagesPrompt {
  const offered = toOfferedTools(body);
  const { system, messages: turns, cache_control: mark, context_management: management } = body;
  const { messages, marks, prefill } = toConversation(system, turns, { marksEnd: mark !== undefined });
  const kept = clearedThinking(messages, management);
  const hasTools = offered.sent.length > 0;
  const content = toContentForm(body);
  if (content !== undefined && prefill !== '') throw noFormBehind(content);
  return (info, request) => {
    const { variables, budget } = planThinking(info, body, { hasTools });
    const chat = { messages: kept, variables: hasTools ? { ...variables, tools: offered.sent } : variables };
    const answer = chatPrompt(
      info,
      {
        chat,
        rules,
        tools: offered.definitions,
        calls: offered.calls,
        content,
        singleCall: offered.singleCall,
        ...(budget === undefined ? {} : { reasoningBudget: budget }),
      },
      request,
    );
    const prompt = withMarks(info, { chat, rules, marks }, textOf(answer.request.prompt));
    const { text } = prompt;
    const last = prompt.lastMark;
    checkPrefill(info, prefill, { text, hasTools });
    checkPromptLength(text + prefill, info, 'messages');
    return {
      ...answer,
      request: { ...answer.request, prompt: { ...prompt.prompt, text: text + prefill } },
      ...(last === undefined ? {} : { unmarked: text.slice(last) + prefill }),
    };
  };
}

/** What goes on from a text of the client is not the whole of anything. */
function noFormBehind({ param }: ContentForm): HeddleError {
  return new HeddleError(
    'invalid_parameter',
    `"${param ?? ''}": an answer that is begun for the model is not held to a form: end with a user message.`,
    { param: 'messages' },
  );
}

/** A chat's prompt is text. */
function textOf(prompt: Prompt): TextPrompt {
  if (prompt.kind === 'text') return prompt;
  throw new HeddleError('internal_error', 'The prompt of a chat is not text.');
}

/**
 * Maps the marks of the client to the prompt. Where states can be kept at certain positions only, one is kept at the last
 * mark before all questions, instead of where the system prompt and the tools end: what comes in between changes.
 */
function withMarks(
  info: ModelInfo,
  { marks, ...written }: { chat: ChatInput; rules: StableRuleSwitches; marks: readonly MessagePlace[] },
  prompt: TextPrompt,
): { prompt: TextPrompt; text: string; lastMark: number | undefined } {
  const { text, boundaries } = prompt;
  const places = placesInPrompt(info, written, text, marks);
  const [head, ...others] = boundaries ?? [];
  const mark = head === undefined ? undefined : places.findLast((place) => place <= head);
  const marked = mark === undefined ? prompt : { ...prompt, boundaries: [mark, ...others] };
  return { prompt: marked, text, lastMark: places.at(-1) };
}

/** @throws HeddleError `unsupported_by_model` where text can not simply be gone on with */
function checkPrefill(
  info: ModelInfo,
  prefill: string,
  { text, hasTools }: { text: string; hasTools: boolean },
): void {
  if (prefill === '') return;
  const format = chooseFormat(chooseTemplate(info, { hasTools }));
  if (format.name !== 'harmony' && !opensReasoning(format, text)) return;
  throw new HeddleError(
    'unsupported_by_model',
    'The answer of this model can not be begun for it, since it begins with reasoning: end with a user message, or send thinking {"type": "disabled"}.',
    { param: 'messages' },
  );
}
