import { Counter, Histogram, type Registry } from 'prom-client';
import { requestBuckets } from './buckets.js';

/** A request that was answered with what is known of its inputs, not with text. */
export interface Measured {
  /** The model's id. */
  readonly model: string;
  readonly task: 'embed' | 'rerank';
  /** Inputs, or documents. */
  readonly inputs: number;
  /** Of all inputs. */
  readonly tokens: number;
  /** From the request's arrival to its results, milliseconds; with the wait for its model. */
  readonly milliseconds: number;
}

const labelNames = ['model_name', 'task'] as const;

/** Requests for embeddings and relevances that were answered, and what was in them. */
export class MeasurementMetrics {
  readonly #inputs: Counter<(typeof labelNames)[number]>;
  readonly #tokens: Counter<(typeof labelNames)[number]>;
  readonly #time: Histogram<(typeof labelNames)[number]>;

  constructor(registry: Registry) {
    const registers = [registry];
    this.#inputs = new Counter({
      name: 'heddle_inputs_total',
      help: 'Inputs that were embedded, or documents that were reranked, of requests that were answered',
      labelNames,
      registers,
    });
    this.#tokens = new Counter({
      name: 'heddle_input_tokens_total',
      help: 'Tokens of these',
      labelNames,
      registers,
    });
    this.#time = new Histogram({
      name: 'heddle_input_request_seconds',
      help: 'From the arrival of a request to embed or rerank to its results, of requests that were answered',
      buckets: requestBuckets,
      labelNames,
      registers,
    });
  }

  add({ model, task, inputs, tokens, milliseconds }: Measured): void {
    const labels = { model_name: model, task };
    this.#inputs.inc(labels, inputs);
    this.#tokens.inc(labels, tokens);
    this.#time.observe(labels, milliseconds / 1000);
  }
}
