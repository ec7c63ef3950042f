import type { Prompt, Token } from '../core/generation.js';
import type { ModelInfo } from '../core/model-runner.js';
import { cacheBlockTokens, type CacheHolding } from '../core/prompt-cache.js';
import type { StableRuleName, StableRuleSwitches } from '../core/stable-rules.js';
import type { Engine } from '../engine/engine.js';
import { writeChat } from '../prompt/chat-prompt.js';
import { messageAt, messageEnds } from '../prompt/message-ends.js';
import { thinkingVariables } from '../prompt/thinking.js';
import { commonLength, excerptAt, firstDifference } from '../prompt/prompt-difference.js';
import type { ProbePrompt } from './cache-probe-schema.js';
import { toChatInput } from './openai/chat-schema.js';
import { textPrompt } from './openai/completions-schema.js';
import { checkPromptLength } from './prompt-length.js';

/** What a probe is told of a prompt by the model that it is for. */
export interface ProbedPrompt {
  readonly text: string;
  readonly tokens: readonly Token[];
  readonly held: CacheHolding;
  readonly applied: readonly StableRuleName[];
  /** Which of the client's messages the character at an offset of the text is of. */
  readonly messageAt: (offset: number) => { readonly index: number; readonly role: string } | undefined;
}

type TextPrompt = Extract<Prompt, { kind: 'text' }>;

/**
 * Writes, tokenizes and looks a prompt up as a request with it would.
 * @param path where the prompt stands in the body, for errors; empty at its top
 * @throws HeddleError `chat_template_missing`, `chat_template_failed`, `context_length_exceeded`, or as `Engine.probe` does
 */
export async function probePrompt(
  engine: Engine,
  body: ProbePrompt,
  { rules, salt, path }: { rules: StableRuleSwitches; salt: string; path: string },
): Promise<ProbedPrompt> {
  const { prompt, ...parts } = writePrompt(engine.info, body, rules);
  checkPromptLength(prompt.text, engine.info, path + (body.prompt === undefined ? 'messages' : 'prompt'));
  const tokens = await engine.tokenize(prompt.text, prompt);
  return { ...parts, text: prompt.text, tokens, held: await engine.probe(tokens, salt) };
}

function writePrompt(
  info: ModelInfo,
  body: ProbePrompt,
  rules: StableRuleSwitches,
): Pick<ProbedPrompt, 'applied' | 'messageAt'> & { prompt: TextPrompt } {
  if (body.messages === undefined) {
    return { prompt: textPrompt(body.prompt ?? ''), applied: [], messageAt: () => undefined };
  }
  const { messages: sent, chat_template_kwargs, reasoning_effort } = body;
  const { messages, variables } = toChatInput({ messages: sent, chat_template_kwargs }, body.tools);
  const input = { messages, variables: thinkingVariables(info, variables, reasoning_effort) };
  const { prompt, chat, leftOut, applied } = writeChat(info, input, rules);
  const ends = messageEnds(info, chat, prompt.text);
  return {
    prompt,
    applied,
    messageAt: (offset) => {
      const at = messageAt(ends, offset);
      const index = (at ?? 0) + leftOut;
      const role = sent[index]?.role;
      return at === undefined || role === undefined ? undefined : { index, role };
    },
  };
}

/** A prompt as the answer tells it. */
export function describePrompt({ tokens, held, applied }: ProbedPrompt): object {
  return { tokens: tokens.length, held, rules_applied: applied };
}

/** What two prompts have in common, and where they first differ; `difference` is null where they do not. */
export function comparePrompts(prompt: ProbedPrompt, against: ProbedPrompt): object {
  const tokens = commonLength(prompt.tokens, against.tokens);
  const blocks = Math.floor(tokens / cacheBlockTokens);
  const same = tokens === prompt.tokens.length && tokens === against.tokens.length;
  return {
    common: { tokens, blocks, block_tokens: cacheBlockTokens },
    difference: same ? null : describeDifference(prompt, against, tokens),
  };
}

function describeDifference(prompt: ProbedPrompt, against: ProbedPrompt, token: number): object {
  const character = firstDifference(prompt.text, against.text);
  const side = (one: ProbedPrompt): object => ({
    ...excerptAt(one.text, character),
    message: one.messageAt(character) ?? null,
  });
  return { token, character, prompt: side(prompt), against: side(against) };
}
