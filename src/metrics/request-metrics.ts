import { Counter, Histogram, type Registry } from 'prom-client';
import type { FinishReason } from '../core/generation.js';
import type { Engine } from '../engine/engine.js';
import { firstTokenBuckets, requestBuckets, tokenCountBuckets, tokenGapBuckets } from './buckets.js';
import type { ModelCounts } from './model-counts.js';
import { TimedRequest } from './timed-request.js';
import { TokenHistogram } from './token-histogram.js';

const model = ['model_name'] as const;

/**
 * Times and tokens of requests, under vLLM's names where the meaning is vLLM's. As there, each choice counts as a
 * request: it is a sequence of its own. Times begin when a request is handed over to a loaded engine.
 */
export class RequestMetrics {
  readonly #models = new Map<string, ModelCounts>();
  readonly #tokenGaps: TokenHistogram;
  readonly #firstToken: Histogram<'model_name'>;
  readonly #duration: Histogram<'model_name'>;
  readonly #decodeTime: Histogram<'model_name'>;
  readonly #timePerToken: Histogram<'model_name'>;
  readonly #promptLength: Histogram<'model_name'>;
  readonly #outputLength: Histogram<'model_name'>;
  readonly #finished: Counter<'model_name' | 'finished_reason'>;
  readonly #failed: Counter<'model_name' | 'task' | 'code'>;

  constructor(registry: Registry) {
    const registers = [registry];
    this.#counter(
      registry,
      'vllm:prompt_tokens_total',
      'Prompt tokens, computed or taken over from earlier requests',
      (counts) => counts.promptTokens,
    );
    this.#counter(
      registry,
      'vllm:prompt_tokens_cached_total',
      'Prompt tokens taken over from earlier requests',
      (counts) => counts.cachedTokens,
    );
    this.#counter(
      registry,
      'vllm:prefix_cache_queries_total',
      'Prompt tokens looked for in the prefix cache',
      (counts) => counts.cacheQueries,
    );
    this.#counter(
      registry,
      'vllm:prefix_cache_hits_total',
      'Prompt tokens found in the prefix cache',
      (counts) => counts.cacheHits,
    );
    this.#counter(
      registry,
      'vllm:generation_tokens_total',
      'Tokens generated',
      (counts) => counts.generationTokens,
    );
    const histogram = (name: string, help: string, buckets: number[]): Histogram<'model_name'> =>
      new Histogram({ name, help, buckets, labelNames: model, registers });
    this.#firstToken = histogram(
      'vllm:time_to_first_token_seconds',
      'From the hand-over of a request to its engine to the first text of a choice',
      firstTokenBuckets,
    );
    this.#tokenGaps = new TokenHistogram({
      name: 'vllm:inter_token_latency_seconds',
      help: 'From one token of a choice to its next',
      buckets: tokenGapBuckets,
    }).register(registry);
    new TokenHistogram({
      name: 'vllm:time_per_output_token_seconds',
      help: 'The old name of vllm:inter_token_latency_seconds',
      buckets: tokenGapBuckets,
      sameAs: this.#tokenGaps,
    }).register(registry);
    this.#timePerToken = histogram(
      'vllm:request_time_per_output_token_seconds',
      'Mean time from one token of a choice to its next, of choices that finished',
      tokenGapBuckets,
    );
    this.#duration = histogram(
      'vllm:e2e_request_latency_seconds',
      'From the hand-over of a request to its engine to the end of a choice, of choices that finished',
      requestBuckets,
    );
    this.#decodeTime = histogram(
      'vllm:request_decode_time_seconds',
      'From the first token of a choice to its last, of choices that finished',
      requestBuckets,
    );
    this.#promptLength = histogram(
      'vllm:request_prompt_tokens',
      'Prompt tokens of choices that finished',
      tokenCountBuckets,
    );
    this.#outputLength = histogram(
      'vllm:request_generation_tokens',
      'Tokens generated for choices that finished',
      tokenCountBuckets,
    );
    this.#finished = new Counter({
      name: 'vllm:request_success_total',
      help: 'Choices that finished, by what ended them',
      labelNames: [...model, 'finished_reason'],
      registers,
    });
    this.#failed = new Counter({
      name: 'heddle_engine_request_failures_total',
      help: 'Requests that ended with an error after they were handed over to an engine, by what they asked for',
      labelNames: [...model, 'task', 'code'],
      registers,
    });
  }

  /** Counts the requests of an engine from now on, for the model that lives in it. */
  watch(modelId: string, engine: Engine): void {
    const counts = this.#of(modelId);
    engine.onRequest = (request) => new TimedRequest(counts, request, performance.now());
    engine.onFailure = (task, { code }) => this.#failed.inc({ model_name: modelId, task, code });
  }

  /** What is counted for a model; there from 0, so that its first request is an increase. */
  #of(modelId: string): ModelCounts {
    let counts = this.#models.get(modelId);
    if (counts === undefined) {
      counts = this.#start(modelId);
      this.#models.set(modelId, counts);
    }
    return counts;
  }

  #start(modelId: string): ModelCounts {
    const labels = { model_name: modelId };
    const ofFinished = [
      this.#duration,
      this.#decodeTime,
      this.#timePerToken,
      this.#promptLength,
      this.#outputLength,
    ];
    for (const histogram of [this.#firstToken, ...ofFinished]) histogram.zero(labels);
    for (const reason of ['stop', 'length'] satisfies FinishReason[]) {
      this.#finished.inc({ ...labels, finished_reason: reason }, 0);
    }
    return {
      promptTokens: 0,
      cachedTokens: 0,
      cacheQueries: 0,
      cacheHits: 0,
      generationTokens: 0,
      tokenGaps: this.#tokenGaps.of(modelId),
      firstToken: (seconds) => this.#firstToken.observe(labels, seconds),
      finished: (choice) => {
        this.#finished.inc({ ...labels, finished_reason: choice.reason });
        this.#duration.observe(labels, choice.duration);
        this.#promptLength.observe(labels, choice.promptTokens);
        this.#outputLength.observe(labels, choice.completionTokens);
        this.#decodeTime.observe(labels, choice.decodeTime);
        if (choice.decodedTokens > 0) {
          this.#timePerToken.observe(labels, choice.decodeTime / choice.decodedTokens);
        }
      },
    };
  }

  /** A counter that is read from the counts of the models when it is shown. */
  #counter(registry: Registry, name: string, help: string, read: (counts: ModelCounts) => number): void {
    const models = this.#models;
    const counter = new Counter({
      name,
      help,
      labelNames: model,
      registers: [],
      collect() {
        this.reset();
        for (const [modelId, counts] of models) this.inc({ model_name: modelId }, read(counts));
      },
    });
    registry.registerMetric(counter);
  }
}
