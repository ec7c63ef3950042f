import type { ChoiceUpdate, FinishReason, GenerateRequest, Token } from '../core/generation.js';
import type { ModelRunner, Sampler } from '../core/model-runner.js';
import type { GrammarGuide } from '../grammar/grammar-guide.js';
import type { Sequence } from '../core/sequence.js';
import { HeldLikelihoods, likelihoodOf } from './likelihoods.js';
import { ReasoningWatch } from './reasoning-watch.js';
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
  readonly #likelihoods = new HeldLikelihoods();
  readonly #controlTokens: ReadonlySet<string>;
  readonly #reasoning: ReasoningWatch | undefined;
  /** What ends reasoning that has become too long, as far as it was not written yet. */
  #closing: readonly Token[] = [];
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
    const { stop, controlTokens = [], reasoningLimit } = parts.request;
    this.#text = new TextStream(stop.stopStrings);
    this.#controlTokens = new Set(controlTokens);
    this.#reasoning = reasoningLimit === undefined ? undefined : new ReasoningWatch(reasoningLimit);
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

  /** The next token, drawn from output `row` of the last decode, or else what ends reasoning that has become too long. */
  next(row: number, runner: ModelRunner): { token: Token; update: ChoiceUpdate | undefined } {
    if (this.#closing.length === 0 && this.#reasoning?.isDue === true) {
      const { closing = '' } = this.request.reasoningLimit ?? {};
      const tokens = runner.tokenize(closing, { addSpecial: false, parseSpecial: true });
      // Where the grammar is past reasoning, what looks like it is something else.
      if (this.guide?.allowsAll(tokens) === false) this.#reasoning.end();
      else this.#closing = tokens;
    }
    const [written, ...rest] = this.#closing;
    if (written === undefined) {
      const token = this.sampler.sample(row, this.guide);
      return { token, update: this.accept(token, runner, row) };
    }
    this.#closing = rest;
    this.sampler.accept(written);
    const update = this.#add(written, runner, row);
    if (rest.length === 0) this.#reasoning?.end();
    return { token: written, update };
  }

  /**
   * A token was drawn. Tokens that end the generation are not counted and have no text; a grammar that nothing can follow
   * ends it too.
   * @param row the output row of the last decode that it was drawn from
   * @returns what to tell the client; undefined when there is nothing yet
   */
  accept(token: Token, runner: ModelRunner, row: number): ChoiceUpdate | undefined {
    const { stopTokens, ignoreEos } = this.request.stop;
    if (stopTokens.includes(token) || (!ignoreEos && runner.endsGeneration(token)))
      return this.#finish('stop');
    return this.#add(token, runner, row);
  }

  #add(token: Token, runner: ModelRunner, row: number): ChoiceUpdate | undefined {
    const { maxTokens } = this.request.stop;
    this.guide?.accept(token);
    this.#completionTokens++;
    const bytes = this.#bytesOf(token, runner);
    const wish = this.request.likelihoods;
    if (wish !== undefined) {
      const text = { begin: this.#text.length, hasText: bytes.length > 0 };
      this.#likelihoods.add(likelihoodOf(runner, { row, token, wish }), text);
    }
    this.#reasoning?.push(bytes);
    const { text, stopString } = this.#text.push(bytes);
    if (stopString !== undefined) return this.#update(text, { reason: 'stop', stopString });
    if (this.guide?.isOver === true) return this.#finish('stop', text);
    const full = this.sequence.promptLength + this.#completionTokens >= runner.info.contextSize;
    if (full || this.#completionTokens === maxTokens) return this.#finish('length', text);
    const update = this.#update(text);
    return text === '' && (update.likelihoods ?? []).length === 0 ? undefined : update;
  }

  #bytesOf(token: Token, runner: ModelRunner): Uint8Array {
    const bytes = runner.tokenBytes(token);
    if (bytes.length > 0 || this.#controlTokens.size === 0) return bytes;
    const text = runner.controlText(token);
    return this.#controlTokens.has(text) ? Buffer.from(text) : bytes;
  }

  #finish(reason: FinishReason, before = ''): ChoiceUpdate {
    const { text, stopString } = this.#text.end();
    const finish = stopString === undefined ? { reason } : { reason: 'stop' as const, stopString };
    return this.#update(before + text, finish);
  }

  #update(text: string, finish?: ChoiceUpdate['finish']): ChoiceUpdate {
    return {
      kind: 'choice',
      requestId: this.request.id,
      choice: this.index,
      text,
      completionTokens: this.#completionTokens,
      ...(this.request.likelihoods === undefined
        ? {}
        : { likelihoods: this.#likelihoods.take(this.#text.released) }),
      ...(finish === undefined ? {} : { finish }),
    };
  }
}
