import type { OutputEvent } from '../../prompt/output/output-event.js';
import { textBlock, toolUseBlock, type BlockOptions } from './content-block.js';
import { signatureOf } from './thinking-signature.js';

/** The data of an event of the API. */
export interface ApiEvent {
  readonly type: string;
  readonly [field: string]: unknown;
}

type Call = Extract<OutputEvent, { kind: 'tool-call' }>;

/** The block that is open. */
type OpenBlock =
  | { readonly kind: 'text' | 'tool_use' }
  /** With the text so far. */
  | { readonly kind: 'thinking'; text: string };

/**
 * The events of an answer's content: each block begins, grows and ends before the next one begins. Texts of one kind that
 * follow each other are one block.
 */
export class BlockStream {
  readonly #options: BlockOptions;
  #open: OpenBlock | undefined;
  #index = -1;
  /** A call that is sent when it is whole. */
  #held: { readonly call: Call; text: string } | undefined;
  #hasCalls = false;

  constructor(options: BlockOptions) {
    this.#options = options;
  }

  /** There was a call that is one. */
  get hasCalls(): boolean {
    return this.#hasCalls;
  }

  add(events: readonly OutputEvent[]): ApiEvent[] {
    return events.flatMap((event) => this.#add(event));
  }

  /** What the content ends with. */
  end(): ApiEvent[] {
    return this.#close();
  }

  #add(event: OutputEvent): ApiEvent[] {
    switch (event.kind) {
      case 'content':
        return [...this.#text('text', textBlock('')), this.#delta({ type: 'text_delta', text: event.text })];
      case 'reasoning':
        return this.#thinking(event.text);
      case 'tool-call':
        if (!this.#options.heldBack.has(event.name)) return this.#beginCall(event);
        this.#held = { call: event, text: '' };
        return [];
      case 'tool-arguments':
        if (this.#held === undefined) return [this.#arguments(event.text)];
        this.#held.text += event.text;
        return [];
      case 'tool-call-end':
        if (event.outcome !== 'malformed') this.#hasCalls = true;
        return [...(event.outcome === 'malformed' ? [] : this.#release()), ...this.#endCall()];
      case 'marker':
      case 'warning':
        return [];
    }
  }

  #thinking(text: string): ApiEvent[] {
    const { omitsThinking } = this.#options;
    const begun = this.#text('thinking', { type: 'thinking', thinking: '', signature: '' });
    if (this.#open?.kind === 'thinking') this.#open.text += text;
    return omitsThinking ? begun : [...begun, this.#delta({ type: 'thinking_delta', thinking: text })];
  }

  #release(): ApiEvent[] {
    const held = this.#held;
    return held === undefined ? [] : [...this.#beginCall(held.call), this.#arguments(held.text)];
  }

  #beginCall(call: Call): ApiEvent[] {
    return [...this.#close(), this.#begin({ kind: 'tool_use' }, toolUseBlock(call, {}))];
  }

  #endCall(): ApiEvent[] {
    this.#held = undefined;
    return this.#open?.kind === 'tool_use' ? this.#close() : [];
  }

  #arguments(text: string): ApiEvent {
    return this.#delta({ type: 'input_json_delta', partial_json: text });
  }

  /** Begins a block of text, unless one of its kind is open. */
  #text(kind: 'text' | 'thinking', block: object): ApiEvent[] {
    if (this.#open?.kind === kind) return [];
    return [...this.#close(), this.#begin(kind === 'text' ? { kind } : { kind, text: '' }, block)];
  }

  #begin(open: OpenBlock, block: object): ApiEvent {
    this.#open = open;
    this.#index++;
    return this.#event('content_block_start', { content_block: block });
  }

  #delta(delta: object): ApiEvent {
    return this.#event('content_block_delta', { delta });
  }

  #close(): ApiEvent[] {
    const open = this.#open;
    this.#open = undefined;
    if (open === undefined) return [];
    const stop = this.#event('content_block_stop', {});
    if (open.kind !== 'thinking') return [stop];
    const signature = signatureOf(open.text, this.#options.omitsThinking);
    return [this.#delta({ type: 'signature_delta', signature }), stop];
  }

  #event(type: string, fields: object): ApiEvent {
    return { type, index: this.#index, ...fields };
  }
}
