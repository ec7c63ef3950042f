import type { TokenLikelihood } from '../../../core/likelihood.js';
import type { OutputEvent } from '../../../prompt/output/output-event.js';
import type { PlacedLikelihood } from '../../content-likelihoods.js';
import {
  newItemId,
  outputText,
  type ItemStatus,
  type OutputItem,
  type OutputText,
  type ReasoningText,
} from './item.js';
import { eventLogProbabilities, partLogProbabilities } from './part-log-probabilities.js';

/** An event of a response's stream, without its number. */
export interface ResponseEvent {
  readonly type: string;
  readonly [field: string]: unknown;
}

/** An item that is being made. */
type OpenItem =
  | { readonly kind: 'content'; readonly id: string; text: string; readonly tokens: TokenLikelihood[] }
  | { readonly kind: 'reasoning'; readonly id: string; text: string }
  | {
      readonly kind: 'call';
      readonly id: string;
      readonly callId: string;
      readonly name: string;
      text: string;
    };

type OpenText = Exclude<OpenItem, { kind: 'call' }>;

/** Makes the items of an output, and tells of them as they are made: each is opened, filled and closed before the next. */
export class OutputEvents {
  readonly #output: OutputItem[] = [];
  readonly #warnings: string[] = [];
  /** Places of calls that are none. */
  readonly #malformed = new Set<number>();
  #open: OpenItem | undefined;
  /** Of tokens of content that did not come yet. */
  readonly #likelihoods: PlacedLikelihood[] = [];
  /** Of all items, UTF-16 units. */
  #contentLength = 0;

  /** Items that are closed. */
  get output(): readonly OutputItem[] {
    return this.#output;
  }

  /** Those that a conversation can go on from: a call that is malformed is in the text that follows it. */
  get said(): readonly OutputItem[] {
    return this.#output.filter((_, index) => !this.#malformed.has(index));
  }

  get warnings(): readonly string[] {
    return this.#warnings;
  }

  /** As {@link add}, of a whole output. */
  warn(messages: readonly string[]): void {
    this.#warnings.push(...messages);
  }

  /** @param likelihoods of the tokens of their content */
  add(events: readonly OutputEvent[], likelihoods: readonly PlacedLikelihood[] = []): ResponseEvent[] {
    for (const one of likelihoods) this.#likelihoods.push(one);
    return events.flatMap((event) => this.#add(event));
  }

  /** The output has ended. An answer without anything is an empty text. */
  end(reason: 'stop' | 'length'): ResponseEvent[] {
    const opened =
      reason === 'stop' && this.#output.length === 0 && !this.#open ? this.#begin('content') : [];
    return [...opened, ...this.#close(reason === 'stop' ? 'completed' : 'incomplete')];
  }

  #add(event: OutputEvent): ResponseEvent[] {
    switch (event.kind) {
      case 'content':
      case 'reasoning':
        return event.text === '' ? [] : this.#addText(event.kind, event.text);
      case 'tool-call': {
        const closed = this.#close('completed');
        const id = newItemId('function_call');
        this.#open = { kind: 'call', id, callId: event.id, name: event.name, text: '' };
        return [...closed, this.#added()];
      }
      case 'tool-arguments':
        if (this.#open?.kind !== 'call' || event.text === '') return [];
        this.#open.text += event.text;
        return [this.#event('response.function_call_arguments.delta', { delta: event.text })];
      case 'tool-call-end':
        if (this.#open?.kind !== 'call') return [];
        if (event.outcome === 'malformed') this.#malformed.add(this.#output.length);
        return this.#close(event.outcome === 'complete' ? 'completed' : 'incomplete');
      case 'warning':
        this.#warnings.push(event.message);
        return [];
      case 'marker':
        return [];
    }
  }

  #addText(kind: 'content' | 'reasoning', text: string): ResponseEvent[] {
    const begun = this.#open?.kind === kind ? [] : [...this.#close('completed'), ...this.#begin(kind)];
    if (this.#open !== undefined) this.#open.text += text;
    if (this.#open?.kind !== 'content')
      return [...begun, this.#event('response.reasoning_text.delta', { content_index: 0, delta: text })];
    const tokens = this.#tokensOf(text);
    for (const token of tokens) this.#open.tokens.push(token);
    const told = { content_index: 0, delta: text, logprobs: eventLogProbabilities(tokens) };
    return [...begun, this.#event('response.output_text.delta', told)];
  }

  /** Of more text of the content. */
  #tokensOf({ length }: string): TokenLikelihood[] {
    this.#contentLength += length;
    const kept = this.#likelihoods.findIndex(({ at }) => at >= this.#contentLength);
    const taken = this.#likelihoods.splice(0, kept < 0 ? this.#likelihoods.length : kept);
    return taken.map(({ likelihood }) => likelihood);
  }

  #begin(kind: 'content' | 'reasoning'): ResponseEvent[] {
    const id = newItemId(kind === 'content' ? 'message' : 'reasoning');
    this.#open = kind === 'content' ? { kind, id, text: '', tokens: [] } : { kind, id, text: '' };
    const part = partOf(this.#open);
    return [this.#added(), this.#event('response.content_part.added', { content_index: 0, part })];
  }

  #added(): ResponseEvent {
    const item = this.#open === undefined ? undefined : itemOf(this.#open, 'in_progress');
    return { type: 'response.output_item.added', output_index: this.#output.length, item };
  }

  #close(status: 'completed' | 'incomplete'): ResponseEvent[] {
    const open = this.#open;
    if (open === undefined) return [];
    const events = open.kind === 'call' ? this.#callDone(open) : this.#textDone(open);
    const item = itemOf(open, status);
    const done = { type: 'response.output_item.done', output_index: this.#output.length, item };
    this.#output.push(item);
    this.#open = undefined;
    return [...events, done];
  }

  #callDone({ name, text }: { readonly name: string; readonly text: string }): ResponseEvent[] {
    return [this.#event('response.function_call_arguments.done', { name, arguments: text })];
  }

  #textDone(open: OpenText): ResponseEvent[] {
    const { text } = open;
    const done =
      open.kind === 'content'
        ? this.#event('response.output_text.done', {
            content_index: 0,
            text,
            logprobs: eventLogProbabilities(open.tokens),
          })
        : this.#event('response.reasoning_text.done', { content_index: 0, text });
    return [done, this.#event('response.content_part.done', { content_index: 0, part: partOf(open) })];
  }

  /** An event of the open item. */
  #event(type: string, fields: object): ResponseEvent {
    return { type, item_id: this.#open?.id, output_index: this.#output.length, ...fields };
  }
}

function partOf(open: OpenText): object {
  return open.kind === 'content' ? contentPart(open) : reasoningText(open.text);
}

function contentPart({ text, tokens }: Extract<OpenItem, { kind: 'content' }>): OutputText {
  return outputText(text, partLogProbabilities(tokens));
}

/** One that is in progress has said nothing yet: its texts come as events. */
function itemOf(open: OpenItem, status: ItemStatus): OutputItem {
  const { id, text } = open;
  const hasPart = status !== 'in_progress';
  switch (open.kind) {
    case 'content':
      return { id, type: 'message', status, role: 'assistant', content: hasPart ? [contentPart(open)] : [] };
    case 'reasoning':
      return { id, type: 'reasoning', status, summary: [], content: hasPart ? [reasoningText(text)] : [] };
    case 'call':
      return { id, type: 'function_call', status, call_id: open.callId, name: open.name, arguments: text };
  }
}

function reasoningText(text: string): ReasoningText {
  return { type: 'reasoning_text', text };
}
