import type { CallIdStyle } from './call-id.js';
import type { CallSyntax } from './call-syntax.js';
import { GrammarParser } from './grammar-parser.js';
import type { OutputParser } from './output-parser.js';
import type { OutputParts, ReasoningMarks } from './output-style.js';
import type { Reading } from './text-input.js';
import type { ToolDefinition } from './tool-definition.js';

export type FormatName =
  | 'plain'
  | 'hermes'
  | 'qwen-coder'
  | 'seed'
  | 'llama'
  | 'mistral'
  | 'glm'
  | 'deepseek'
  | 'deepseek-dsml'
  | 'gemma'
  | 'harmony'
  | 'kimi'
  | 'minimax';

/** How a model writes its output: chosen by its chat template. */
export interface OutputFormat {
  readonly name: FormatName;
  /**
   * Control tokens that the parser reads; the engine has to give them as text. Without tools there are fewer, so that none
   * of them gets into the content.
   */
  controlTokens(has: { readonly tools: boolean }): readonly string[];
  /** Absent for models that have no reasoning, or none that is marked. */
  readonly reasoning?: ReasoningMarks;
  /** What stands between reasoning and what follows it, and before content; absent where it is nothing. */
  readonly frame?: { readonly next: string; readonly content: string };
  /** Absent for models that call no tools. */
  readonly calls?: CallSyntax & {
    /** What calls begin with in an output; none the beginning of another. */
    readonly openings: readonly string[];
  };
  readonly callIds: CallIdStyle;
  /** The grammar of the output. */
  read(parts: OutputParts): Reading<void>;
}

/** What a parser is made for. */
export interface OutputRequest {
  /** The text of the prompt, which may have begun the reasoning. */
  readonly prompt: string;
  /** Tools that may be called; where there are none, what looks like a call is content. */
  readonly tools: readonly ToolDefinition[];
  /** `false` leaves reasoning and its markers in the content. */
  readonly splitsReasoning?: boolean;
}

/** A parser for one choice of an answer. */
export function createParser(
  format: OutputFormat,
  { prompt, tools, splitsReasoning = true }: OutputRequest,
): OutputParser {
  const options = { tools, splitsReasoning, reasoningOpen: opensReasoning(format, prompt) };
  return new GrammarParser((parts) => format.read(parts), options, format.callIds);
}

/** The prompt ends with the beginning of reasoning. */
export function opensReasoning({ reasoning }: OutputFormat, prompt: string): boolean {
  return reasoning !== undefined && prompt.trimEnd().endsWith(reasoning.open);
}
