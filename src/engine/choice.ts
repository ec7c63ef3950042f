import type { ChoiceUpdate, FinishReason, GenerateRequest, Token } from '../core/generation.js';
import type { ModelRunner, Sampler } from '../core/model-runner.js';
import type { GrammarGuide } from '../grammar/grammar-guide.js';
import type { Sequence } from '../core/sequence.js';
import { TextStream } from './text-stream.js';
import type { Work } from './work.js';

/** One continuation of a request while the engine works on it: its sequence, its sampler and its text. */
export class Choice implements Work {
  readonly request: GenerateRequest;
  readonly lane: number;
  readonly index: number;
  readonly sequence: Sequence;
  readonly sampler: Sampler;
  /** Holds the text to a grammar. */
  readonly guide: GrammarGuide | undefined;
  readonly #text: TextStream;
  #completionTokens = 0;

  constructor(parts: {
    request: GenerateRequest;
    lane: number;
    index: number;
    sequence: Sequence;
    sampler: Sampler;
    guide?: GrammarGuide | undefined;
  }) {
    this.request = parts.request;
    this.lane = parts.lane;
    this.index = parts.index;
    this.sequence = parts.sequence;
    this.sampler = parts.sampler;
    this.guide = parts.guide;
    this.#text = new TextStream(parts.request.stop.stopStrings);
  }

  get requestId(): string {
    return this.request.id;
  }

  /** Tokens that it may still have, if nothing ends it before. @param contextSize the longest sequence */
  remaining(contextSize: number): number {
    const { maxTokens = Infinity } = this.request.stop;
    return Math.min(maxTokens, contextSize - this.sequence.promptLength) - this.#completionTokens;
  }

  dispose(): void {
    this.sampler.dispose();
  }

  /**
   * A token was drawn. Tokens that end the generation are not counted and have no text; a grammar that nothing can follow
   * ends it too.
   * @returns what to tell the client; undefined when there is nothing yet
   */
  accept(token: Token, runner: ModelRunner): ChoiceUpdate | undefined {
    const { stopTokens, ignoreEos, maxTokens } = this.request.stop;
    if (stopTokens.includes(token) || (!ignoreEos && runner.endsGeneration(token)))
      return this.#finish('stop');

    this.guide?.accept(token);
    this.#completionTokens++;
    const { text, stopString } = this.#text.push(runner.tokenBytes(token));
    if (stopString !== undefined) return this.#update(text, { reason: 'stop', stopString });
    if (this.guide?.isOver === true) return this.#finish('stop', text);
    const full = this.sequence.promptLength + this.#completionTokens >= runner.info.contextSize;
    if (full || this.#completionTokens === maxTokens) return this.#finish('length', text);
    return text === '' ? undefined : this.#update(text);
  }

  #finish(reason: FinishReason, before = ''): ChoiceUpdate {
    const { text, stopString } = this.#text.end();
    const finish = stopString === undefined ? { reason } : { reason: 'stop' as const, stopString };
    return this.#update(before + text, finish);
  }

  #update(text: string, finish?: ChoiceUpdate['finish']): ChoiceUpdate {
    const update = {
      kind: 'choice' as const,
      requestId: this.request.id,
      choice: this.index,
      text,
      completionTokens: this.#completionTokens,
    };
    return finish === undefined ? update : { ...update, finish };
  }
}
