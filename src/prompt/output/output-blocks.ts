import type { OutputEvent } from './output-event.js';

/** A part of a whole output. */
export type OutputBlock =
  | { readonly kind: 'content' | 'reasoning'; readonly text: string }
  /** Its arguments are a JSON object, unless the output was cut off in the middle of them. */
  | { readonly kind: 'tool-call'; readonly id: string; readonly name: string; readonly arguments: string };

/** Puts the events of an output together to blocks, in order. Calls that are malformed are content and nothing else. */
export class OutputBlocks {
  readonly #blocks: OutputBlock[] = [];
  readonly #warnings: string[] = [];
  #call: Extract<OutputBlock, { kind: 'tool-call' }> | undefined;

  add(events: readonly OutputEvent[]): void {
    for (const event of events) this.#add(event);
  }

  get blocks(): readonly OutputBlock[] {
    return this.#blocks;
  }

  get warnings(): readonly string[] {
    return this.#warnings;
  }

  /** The output calls a tool. */
  get hasCalls(): boolean {
    return this.#blocks.some(({ kind }) => kind === 'tool-call');
  }

  #add(event: OutputEvent): void {
    switch (event.kind) {
      case 'content':
      case 'reasoning':
        this.#addText(event.kind, event.text);
        break;
      case 'tool-call':
        this.#call = { kind: 'tool-call', id: event.id, name: event.name, arguments: '' };
        break;
      case 'tool-arguments':
        if (this.#call !== undefined)
          this.#call = { ...this.#call, arguments: this.#call.arguments + event.text };
        break;
      case 'tool-call-end':
        if (this.#call !== undefined && event.outcome !== 'malformed') this.#blocks.push(this.#call);
        this.#call = undefined;
        break;
      case 'warning':
        this.#warnings.push(event.message);
        break;
      case 'marker':
        break;
    }
  }

  #addText(kind: 'content' | 'reasoning', text: string): void {
    const last = this.#blocks.at(-1);
    if (last?.kind === kind) this.#blocks[this.#blocks.length - 1] = { kind, text: last.text + text };
    else this.#blocks.push({ kind, text });
  }
}

/** The texts of one kind, as one. */
export function textOf(blocks: readonly OutputBlock[], kind: 'content' | 'reasoning'): string {
  return blocks.map((block) => (block.kind === kind ? block.text : '')).join('');
}
