import { signatureOf } from './thinking-signature.js';

/** How blocks of an answer are sent. */
export interface BlockOptions {
  /** Thinking is sent without its text. */
  readonly omitsThinking: boolean;
  /** Names of tools whose calls are sent when they are whole. */
  readonly heldBack: ReadonlySet<string>;
}

/** A block of text. */
export function textBlock(text: string): object {
  return { type: 'text', text, citations: null };
}

/** A block of thinking that is whole. */
export function thinkingBlock(thinking: string, { omitsThinking }: BlockOptions): object {
  return {
    type: 'thinking',
    thinking: omitsThinking ? '' : thinking,
    signature: signatureOf(thinking, omitsThinking),
  };
}

/** A call of a tool. */
export function toolUseBlock({ id, name }: { id: string; name: string }, input: object): object {
  return { type: 'tool_use', id, name, input, caller: { type: 'direct' } };
}
