import type { FinishReason } from '../../core/generation.js';
import { CallWriter } from './call-writer.js';
import type { CallIdStyle } from './call-id.js';
import type { OutputEvent } from './output-event.js';
import type { OutputParser } from './output-parser.js';
import type { OutputParts } from './output-style.js';
import { OutputWriter } from './output-writer.js';
import { TextInput, type Reading } from './text-input.js';
import type { ToolDefinition } from './tool-definition.js';

/** What a parser must know of a request. */
export interface ParserOptions {
  /** None where none may be called: then what looks like a call is content. */
  readonly tools: readonly ToolDefinition[];
  /** The prompt has begun the reasoning already. */
  readonly reasoningOpen: boolean;
  /** Reasoning is told apart; else it is content, with its markers. */
  readonly splitsReasoning: boolean;
}

/** Runs a grammar over an output that comes in pieces. */
export class GrammarParser implements OutputParser {
  readonly #input = new TextInput();
  readonly #output: OutputWriter;
  readonly #reading: Reading<void>;

  constructor(
    read: (parts: OutputParts) => Reading<void>,
    { tools, reasoningOpen, splitsReasoning }: ParserOptions,
    idStyle: CallIdStyle,
  ) {
    const input = this.#input;
    const output = new OutputWriter({ splitsReasoning });
    const calls = new CallWriter(input, output, { tools, idStyle });
    this.#output = output;
    output.inReasoning = reasoningOpen;
    this.#reading = read({ input, output, calls, hasTools: tools.length > 0, reasoningOpen });
  }

  get reasoning(): boolean {
    return this.#output.inReasoning;
  }

  push(text: string): readonly OutputEvent[] {
    this.#input.push(text);
    this.#reading.next();
    return this.#output.takeEvents();
  }

  end(reason: FinishReason): readonly OutputEvent[] {
    this.#input.end(reason);
    this.#reading.next();
    return this.#output.takeEvents();
  }
}
