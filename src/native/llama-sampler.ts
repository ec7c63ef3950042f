import { HeddleError } from '../core/errors.js';
import type { SamplingParams, Token } from '../core/generation.js';
import type { Sampler } from '../core/model-runner.js';
import type { TokenGuide } from '../core/token-guide.js';
import type { Candidates } from './candidates.js';
import type { LlamaBindings } from './llama-bindings.js';
import type { Pointer } from './llama-structs.js';
import { NativeHandle } from './native-handle.js';
import type { Vocabulary } from './vocabulary.js';

/** LLAMA_DEFAULT_SEED: the library takes it to mean "a random seed". */
const randomSeedMark = 0xffff_ffff;

/**
 * A native sampler chain. The stages, in llama.cpp's order: logit bias, repetition penalty (prompt and output),
 * presence and frequency penalties (output only, as the OpenAI API defines them), top-k, top-p, min-p, temperature,
 * draw. A stage whose parameter is off is left out; temperature 0 is a greedy pick after bias and penalties.
 */
export class LlamaSampler implements Sampler {
  readonly #bindings: LlamaBindings;
  readonly #vocabulary: Vocabulary;
  readonly #chain: NativeHandle;
  readonly #context: NativeHandle;
  readonly #candidates: () => Candidates;
  readonly #onDispose: () => void;

  constructor(
    {
      bindings,
      vocabulary,
      context,
      candidates,
    }: {
      bindings: LlamaBindings;
      vocabulary: Vocabulary;
      context: NativeHandle;
      /** Made when they are first needed: they are as large as the vocabulary. */
      candidates: () => Candidates;
    },
    params: SamplingParams,
    options: { seed: number; prompt: readonly Token[]; ignoreEos: boolean; historyLength: number },
    onDispose: () => void,
  ) {
    this.#bindings = bindings;
    this.#vocabulary = vocabulary;
    this.#context = context;
    this.#candidates = candidates;
    this.#onDispose = onDispose;
    this.#chain = new NativeHandle(
      'sampler',
      bindings.llama_sampler_chain_init({ no_perf: true }),
      (address) => bindings.llama_sampler_free(address),
    );
    try {
      for (const stage of samplerStages(bindings, vocabulary, params, options)) {
        bindings.llama_sampler_chain_add(this.#chain.address, stage);
      }
    } catch (error) {
      this.#chain.dispose();
      throw error;
    }
  }

  sample(row: number, guide?: TokenGuide): Token {
    const [chain, context] = [this.#chain.address, this.#context.address];
    const logits = this.#bindings.llama_get_logits_ith(context, row);
    if (logits === null) {
      throw new HeddleError(
        'native_call_failed',
        `Row ${row} of the last batch has no logits to sample from.`,
      );
    }
    if (guide === undefined) return this.#bindings.llama_sampler_sample(chain, context, row);
    const token = this.#guided(chain, logits, guide);
    this.#bindings.llama_sampler_accept(chain, token);
    return token;
  }

  /**
   * Draws from all tokens first: that the draw may come is known at once, and which tokens may is not. As in llama.cpp's
   * common/sampling.cpp.
   */
  #guided(chain: Pointer, logits: Pointer, guide: TokenGuide): Token {
    const candidates = this.#candidates();
    const refused: Token[] = [];
    for (;;) {
      candidates.fill(logits, refused);
      this.#bindings.llama_sampler_apply(chain, candidates.address);
      const token = candidates.selected();
      if (guide.allows(token)) return token;
      refused.push(token);
      if (refused.length > guide.redraws) break;
    }
    candidates.fillAllowed(logits, guide.allowed());
    this.#bindings.llama_sampler_apply(chain, candidates.address);
    return candidates.selected();
  }

  accept(token: Token): void {
    this.#vocabulary.check(token);
    this.#bindings.llama_sampler_accept(this.#chain.address, token);
  }

  dispose(): void {
    if (this.#chain.disposed) return;
    this.#chain.dispose();
    this.#onDispose();
  }
}

/** Below this a draw is a greedy pick, but for logits that are divided into infinities. */
const leastTemperature = 1e-4;

/** The chain takes each stage over as it is added, and frees it. */
function* samplerStages(
  bindings: LlamaBindings,
  vocabulary: Vocabulary,
  params: SamplingParams,
  options: { seed: number; prompt: readonly Token[]; ignoreEos: boolean; historyLength: number },
): Generator<Pointer> {
  const size = vocabulary.size;
  const biases = params.logitBias.map(([token, bias]) => {
    vocabulary.check(token);
    return { token, bias };
  });
  if (options.ignoreEos) {
    for (const token of vocabulary.endTokens()) biases.push({ token, bias: -Infinity });
  }
  if (biases.length > 0) yield bindings.llama_sampler_init_logit_bias(size, biases.length, biases);

  if (params.repetitionPenalty !== 1) {
    const { historyLength, prompt } = options;
    const stage = bindings.llama_sampler_init_penalties(size, historyLength, params.repetitionPenalty, 0, 0);
    for (const token of prompt) bindings.llama_sampler_accept(stage, token);
    yield stage;
  }
  if (params.presencePenalty !== 0 || params.frequencyPenalty !== 0) {
    yield bindings.llama_sampler_init_penalties(
      size,
      options.historyLength,
      1,
      params.frequencyPenalty,
      params.presencePenalty,
    );
  }
  if (params.temperature < leastTemperature) {
    yield bindings.llama_sampler_init_greedy();
    return;
  }
  if (params.topK > 0) yield bindings.llama_sampler_init_top_k(params.topK);
  if (params.topP < 1) yield bindings.llama_sampler_init_top_p(params.topP, 1);
  if (params.minP > 0) yield bindings.llama_sampler_init_min_p(params.minP, 1);
  yield bindings.llama_sampler_init_temp(params.temperature);
  yield bindings.llama_sampler_init_dist(options.seed === randomSeedMark ? 0 : options.seed);
}
