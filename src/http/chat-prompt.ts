import { HeddleError } from '../core/errors.js';
import type { GenerateRequest } from '../core/generation.js';
import type { ModelInfo } from '../core/model-runner.js';
import type { ReasoningLimit } from '../core/reasoning-limit.js';
import type { StableRuleSwitches } from '../core/stable-rules.js';
import { writeChat } from '../prompt/chat-prompt.js';
import type { CallDemand } from '../prompt/output/called-tool.js';
import type { ContentForm } from '../prompt/output/content-form.js';
import { outputGrammar, reasoningClosing, type OutputForm } from '../prompt/output/output-grammar.js';
import { createParser, opensReasoning, type OutputFormat } from '../prompt/output/output-format.js';
import type { ToolDefinition } from '../prompt/output/tool-definition.js';
import type { ChatInput } from '../prompt/stable/chat-input.js';
import type { AnswerPrompt } from './answer.js';

/** What an API's chat asks of a model, beside how it is to generate. */
export interface ChatJob {
  /** `tools` among its variables are those of {@link tools}, as they were sent. */
  readonly chat: ChatInput;
  readonly rules: StableRuleSwitches;
  /** That may be called. */
  readonly tools: readonly ToolDefinition[];
  /** What content is held to; any text when absent. */
  readonly content?: ContentForm | undefined;
  /** What calls are held to; nothing, when absent. */
  readonly calls?: CallDemand | undefined;
  /** An answer has one tool call at most. */
  readonly singleCall?: boolean;
  /** Reasoning stays in the content, as the model writes it. */
  readonly rawReasoning?: boolean;
  /** Tokens of reasoning at most, and the parameter that says so. */
  readonly reasoningBudget?: { readonly tokens: number; readonly param: string };
}

/**
 * A chat as its model takes it and answers it.
 * @param request all but what the chat makes of it
 * @throws HeddleError as `renderChat` does; `unsupported_by_model` for a budget where reasoning is not marked;
 * what {@link outputGrammar} throws
 */
export function chatPrompt(
  info: ModelInfo,
  job: ChatJob,
  request: Omit<GenerateRequest, 'prompt' | 'controlTokens' | 'reasoningLimit' | 'grammar'>,
): AnswerPrompt {
  const { tools, rawReasoning = false, singleCall = false, reasoningBudget: budget } = job;
  const { prompt, format } = writeChat(info, job.chat, job.rules);
  const form = { content: job.content, calls: job.calls, singleCall };
  const grammar = outputGrammar(format, prompt.text, form);
  const controlTokens = format.controlTokens({ tools: tools.length > 0 });
  return {
    request: {
      ...request,
      prompt,
      ...(controlTokens.length === 0 ? {} : { controlTokens }),
      ...(grammar === undefined ? {} : { grammar }),
      ...(budget === undefined ? {} : { reasoningLimit: toLimit(format, prompt.text, { budget, form }) }),
    },
    newParser: () => createParser(format, { prompt: prompt.text, tools, splitsReasoning: !rawReasoning }),
    endsWithCall: singleCall,
  };
}

function toLimit(
  format: OutputFormat,
  prompt: string,
  { budget: { tokens, param }, form }: { budget: NonNullable<ChatJob['reasoningBudget']>; form: OutputForm },
): ReasoningLimit {
  const { reasoning } = format;
  const closing = reasoningClosing(format, form);
  if (reasoning === undefined || closing === undefined) {
    throw new HeddleError(
      'unsupported_by_model',
      `The reasoning of this model can not be limited: its chat template marks none. Leave "${param}" out.`,
      { param },
    );
  }
  const { open, close, anywhere = false, endsWithCalls = false } = reasoning;
  const hasTools = (form.calls?.tools.length ?? 0) > 0;
  return {
    tokens,
    close,
    closing,
    anywhere: anywhere || format.name === 'harmony',
    ...(endsWithCalls && hasTools ? { ends: format.calls?.openings ?? [] } : {}),
    ...(opensReasoning(format, prompt) ? {} : { open }),
  };
}
