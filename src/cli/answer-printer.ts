import type { FinishReason } from '../core/generation.js';
import type { OutputEvent } from '../prompt/output/output-event.js';
import type { OutputParser } from '../prompt/output/output-parser.js';

/** Where text goes. */
export interface TextOutput {
  write(text: string): unknown;
  readonly isTTY?: boolean;
}

/**
 * Prints an answer as it is made: what is said to `answer`, and what the model reasons to `aside`, dimmed where that is a
 * terminal, so that the answer can be piped on alone. Markers of the model's format are left out.
 */
export class AnswerPrinter {
  readonly #parser: OutputParser;
  readonly #answer: TextOutput;
  readonly #aside: TextOutput;
  readonly #dim: boolean;
  #reasons = false;

  /** @param parser made for this answer */
  constructor(
    parser: OutputParser,
    { answer, aside }: { answer: TextOutput; aside: TextOutput },
    environment: NodeJS.ProcessEnv = process.env,
  ) {
    const { NO_COLOR: noColor = '' } = environment;
    this.#parser = parser;
    this.#answer = answer;
    this.#aside = aside;
    this.#dim = aside.isTTY === true && noColor === '';
  }

  /** More of the model's output. */
  push(text: string): void {
    for (const event of this.#parser.push(text)) this.#print(event);
  }

  /** The output has ended. */
  end(reason: FinishReason): void {
    for (const event of this.#parser.end(reason)) this.#print(event);
    this.#endReasoning();
    this.#answer.write('\n');
  }

  #print(event: OutputEvent): void {
    switch (event.kind) {
      case 'reasoning':
        this.#reasons = true;
        // Each piece by itself: the terminal is as it was whenever the command is interrupted.
        this.#aside.write(this.#dim ? `\u001b[2m${event.text}\u001b[22m` : event.text);
        return;
      case 'content':
        this.#endReasoning();
        this.#answer.write(event.text);
        return;
      case 'warning':
        this.#endReasoning();
        this.#aside.write(`heddle: ${event.message}\n`);
        return;
      case 'marker':
      case 'tool-call': // there are no tools
      case 'tool-arguments':
      case 'tool-call-end':
    }
  }

  #endReasoning(): void {
    if (this.#reasons) this.#aside.write('\n');
    this.#reasons = false;
  }
}
