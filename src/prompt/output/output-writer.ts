import type { OutputEvent, OutputWarning } from './output-event.js';

/** Collects the events of an output; neighbours of one kind become one. */
export class OutputWriter {
  /** Reasoning is told apart; else it is content, with the markers around it. */
  readonly splitsReasoning: boolean;
  #events: OutputEvent[] = [];
  /** The text so far ends within reasoning. */
  inReasoning = false;

  constructor({ splitsReasoning }: Pick<OutputWriter, 'splitsReasoning'>) {
    this.splitsReasoning = splitsReasoning;
  }

  readonly content = (text: string): void => this.#addText('content', text);
  readonly marker = (text: string): void => this.#addText('marker', text);

  readonly reasoning = (text: string): void => {
    this.#addText(this.splitsReasoning ? 'reasoning' : 'content', text);
  };

  /** What stands around reasoning. */
  readonly reasoningMarker = (text: string): void => {
    this.#addText(this.splitsReasoning ? 'marker' : 'content', text);
  };

  warning(code: OutputWarning, message: string): void {
    this.#events.push({ kind: 'warning', code, message });
  }

  add(event: OutputEvent): void {
    const last = this.#events.at(-1);
    if (event.kind === 'tool-arguments' && last?.kind === 'tool-arguments' && last.index === event.index) {
      this.#events[this.#events.length - 1] = { ...last, text: last.text + event.text };
    } else this.#events.push(event);
  }

  /** What was added since the last call. */
  takeEvents(): readonly OutputEvent[] {
    const events = this.#events;
    this.#events = [];
    return events;
  }

  #addText(kind: 'content' | 'reasoning' | 'marker', text: string): void {
    if (text === '') return;
    const last = this.#events.at(-1);
    if (last?.kind === kind) this.#events[this.#events.length - 1] = { kind, text: last.text + text };
    else this.#events.push({ kind, text });
  }
}
