import type { Token } from '../core/generation.js';
import type { ModelRunner } from '../core/model-runner.js';
import type { RerankingInfo } from '../core/reranking.js';
import { checkLength, promptTokens, type PromptLimits } from './prompt-tokens.js';

const asText = { addSpecial: false, parseSpecial: false };
const asTemplate = { addSpecial: false, parseSpecial: true };

/**
 * Writes a query with each of its documents as a reranker reads them: in the form that the model's file has for it, or
 * with the vocabulary's marks around and between them, as llama.cpp's server does.
 *
 * Control tokens written out in a query or a document are text: no document is to end its part of the template.
 */
export class PairWriter {
  readonly #runner: ModelRunner;
  readonly #info: RerankingInfo;
  readonly #query: string;
  /** The parts of the template, texts of the client left out; of its controls, a count. */
  readonly #template: { readonly parts: readonly TemplatePart[]; readonly controls: number } | undefined;
  #queryTokens: readonly Token[] | undefined;

  constructor(runner: ModelRunner, info: RerankingInfo, query: string) {
    this.#runner = runner;
    this.#info = info;
    this.#query = query;
    const parts = info.template === undefined ? undefined : partsOf(info.template);
    if (parts !== undefined) {
      const texts = parts.map((part) => (typeof part === 'string' ? part : '')).join('');
      this.#template = { parts, controls: this.#controlsIn(runner.tokenize(texts, asTemplate)) };
    }
  }

  /**
   * The tokens of the query with one document.
   * @throws HeddleError as {@link promptTokens}
   */
  tokens(document: string, limits: PromptLimits): readonly Token[] {
    checkLength(this.#runner, this.#query + document, limits);
    const tokens = this.#template === undefined ? this.#marked(document) : this.#templated(document);
    return promptTokens(this.#runner, { kind: 'tokens', tokens }, limits);
  }

  #marked(document: string): Token[] {
    const { before, between, after } = this.#info.marks;
    this.#queryTokens ??= this.#runner.tokenize(this.#query, asText);
    return [
      ...before,
      ...this.#queryTokens,
      ...between,
      ...this.#runner.tokenize(document, asText),
      ...after,
    ];
  }

  /** In one piece, since a word and the space before it are one token; in parts where that would make controls of text. */
  #templated(document: string): Token[] {
    const { parts, controls } = this.#template ?? { parts: [], controls: 0 };
    const texts = parts.map((part) => {
      if (typeof part === 'string') return { text: part, options: asTemplate };
      return { text: part.is === 'query' ? this.#query : document, options: asText };
    });
    const whole = this.#runner.tokenize(texts.map(({ text }) => text).join(''), asTemplate);
    if (this.#controlsIn(whole) === controls) return whole;
    return texts.flatMap(({ text, options }) => this.#runner.tokenize(text, options));
  }

  #controlsIn(tokens: readonly Token[]): number {
    return tokens.filter((token) => this.#runner.tokenBytes(token).length === 0).length;
  }
}

/** Text of the template, or where a text of the client stands. */
type TemplatePart = string | { readonly is: 'query' | 'document' };

function partsOf(template: string): TemplatePart[] {
  return template.split(/(\{query\}|\{document\})/).map((part) => {
    if (part === '{query}') return { is: 'query' };
    return part === '{document}' ? { is: 'document' } : part;
  });
}
