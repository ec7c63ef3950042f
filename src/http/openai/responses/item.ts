import { randomUUID } from 'node:crypto';
import type { PartLogProbability } from './part-log-probabilities.js';

/** Text that a client wrote. */
export interface InputText {
  readonly type: 'input_text';
  readonly text: string;
}

/** Text that a model wrote. */
export interface OutputText {
  readonly type: 'output_text';
  readonly text: string;
  readonly annotations: readonly never[];
  /** Of its tokens; empty where they were not asked for. */
  readonly logprobs: readonly PartLogProbability[];
}

export interface ReasoningText {
  readonly type: 'reasoning_text';
  readonly text: string;
}

export type ItemStatus = 'in_progress' | 'completed' | 'incomplete';

export interface InputMessage {
  readonly id: string;
  readonly type: 'message';
  readonly role: 'user' | 'system' | 'developer';
  readonly status: ItemStatus;
  readonly content: readonly InputText[];
}

export interface OutputMessage {
  readonly id: string;
  readonly type: 'message';
  readonly role: 'assistant';
  readonly status: ItemStatus;
  readonly content: readonly OutputText[];
}

export interface ReasoningItem {
  readonly id: string;
  readonly type: 'reasoning';
  readonly status: ItemStatus;
  /** Nobody summarises: the text itself is in the content. */
  readonly summary: readonly never[];
  readonly content: readonly ReasoningText[];
}

export interface FunctionCall {
  readonly id: string;
  readonly type: 'function_call';
  readonly status: ItemStatus;
  readonly call_id: string;
  readonly name: string;
  /** JSON text. */
  readonly arguments: string;
}

export interface FunctionCallOutput {
  readonly id: string;
  readonly type: 'function_call_output';
  readonly status: ItemStatus;
  readonly call_id: string;
  readonly output: string | readonly InputText[];
}

/** What a model makes. */
export type OutputItem = OutputMessage | ReasoningItem | FunctionCall;

/** One thing that was said, in the form of the OpenAI API: of which input, output and conversations are made. */
export type Item = OutputItem | InputMessage | FunctionCallOutput;

const prefixes = {
  message: 'msg',
  reasoning: 'rs',
  function_call: 'fc',
  function_call_output: 'fco',
} as const satisfies Record<Item['type'], string>;

/** An id that nothing else has. */
export function newItemId(type: Item['type']): string {
  return `${prefixes[type]}_${randomUUID().replaceAll('-', '')}`;
}

export function outputText(text: string, logprobs: readonly PartLogProbability[] = []): OutputText {
  return { type: 'output_text', text, annotations: [], logprobs };
}
