import type { SpelledToken, TokenLikelihood } from '../core/likelihood.js';
import type { OutputEvent } from '../prompt/output/output-event.js';

/** A token of which some text is content. */
export interface PlacedLikelihood {
  /** Where in the content of its choice its text begins, UTF-16 units. */
  readonly at: number;
  readonly likelihood: TokenLikelihood;
}

interface Placed {
  /** In the text of the output, UTF-16 units. */
  readonly begin: number;
  /** Behind its text, or behind the first of the character that it has a part of. */
  readonly end: number;
  readonly likelihood: TokenLikelihood;
}

/**
 * Finds out which tokens of an output are those of its content: the bytes of tokens are the output, and so are the texts of
 * its events. Tokens without text are nobody's.
 */
export class ContentLikelihoods {
  readonly #decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  readonly #controlTokens: ReadonlySet<string>;
  /** In order, those that no event has reached yet. */
  readonly #waiting: Placed[] = [];
  /** Text of the tokens, and of the events; of the latter, content. UTF-16 units. */
  #read = 0;
  #told = 0;
  #content = 0;

  /** @param controlTokens those that are text, as they are written */
  constructor(controlTokens: readonly string[]) {
    this.#controlTokens = new Set(controlTokens);
  }

  /** More tokens of the output, in order, each before the events of its text. */
  add(likelihoods: readonly TokenLikelihood[]): void {
    for (const likelihood of likelihoods) {
      const bytes = this.#bytesOf(likelihood);
      if (bytes.length === 0) continue;
      const begin = this.#read;
      this.#read += this.#decoder.decode(bytes, { stream: true }).length;
      this.#waiting.push({ begin, end: Math.max(this.#read, begin + 1), likelihood });
    }
  }

  /** More events of the output. @returns the tokens of their content */
  take(events: readonly OutputEvent[]): PlacedLikelihood[] {
    return events.flatMap((event) => this.#take(event));
  }

  #take(event: OutputEvent): PlacedLikelihood[] {
    const begin = this.#told;
    this.#told += outputOf(event).length;
    if (event.kind !== 'content') {
      // One that goes beyond this event may be of the content behind it.
      this.#takeWhile(({ end }) => end <= this.#told);
      return [];
    }
    const before = this.#content - begin;
    this.#content += event.text.length;
    return this.#takeWhile((placed) => placed.begin < this.#told).map((placed) => ({
      at: before + Math.max(placed.begin, begin),
      likelihood: placed.likelihood,
    }));
  }

  #takeWhile(isTaken: (placed: Placed) => boolean): Placed[] {
    const kept = this.#waiting.findIndex((placed) => !isTaken(placed));
    return this.#waiting.splice(0, kept < 0 ? this.#waiting.length : kept);
  }

  #bytesOf({ bytes, name }: SpelledToken): Uint8Array {
    return name !== undefined && this.#controlTokens.has(name) ? Buffer.from(name) : bytes;
  }
}

/** What an event stands for in the output. */
function outputOf(event: OutputEvent): string {
  switch (event.kind) {
    case 'content':
    case 'reasoning':
    case 'marker':
      return event.text;
    case 'tool-call-end':
      return event.raw;
    case 'tool-call':
    case 'tool-arguments':
    case 'warning':
      return '';
  }
}
