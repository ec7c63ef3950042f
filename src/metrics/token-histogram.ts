import type { Histogram, Registry } from 'prom-client';
import { BucketCounts } from './bucket-counts.js';

/** A line of a histogram, as prom-client writes it down. */
interface Sample {
  readonly metricName: string;
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
}

/**
 * A histogram by model that is observed for every token. prom-client's own makes some objects and a text for each
 * observation; this one counts in place, and is a metric of a prom-client registry only when that is read.
 */
export class TokenHistogram {
  readonly name: string;
  readonly help: string;
  readonly type = 'histogram';
  readonly #bounds: readonly number[];
  readonly #models: Map<string, BucketCounts>;

  /** @param options.sameAs a histogram whose observations this one shows under another name */
  constructor(options: { name: string; help: string; buckets: readonly number[]; sameAs?: TokenHistogram }) {
    this.name = options.name;
    this.help = options.help;
    this.#bounds = options.buckets;
    this.#models = options.sameAs === undefined ? new Map<string, BucketCounts>() : options.sameAs.#models;
  }

  /** Makes it a metric of a registry. */
  register(registry: Registry): this {
    // Of a metric that it shows, a registry uses `name` and `get` alone; its types name its own classes.
    registry.registerMetric(this as unknown as Histogram);
    return this;
  }

  /** Where observations of a model are counted, from 0 at the first call. */
  of(modelId: string): BucketCounts {
    let counts = this.#models.get(modelId);
    if (counts === undefined) {
      counts = new BucketCounts(this.#bounds);
      this.#models.set(modelId, counts);
    }
    return counts;
  }

  /** The registry's side: what there is now. */
  // oxlint-disable-next-line typescript/require-await -- prom-client's metrics answer with a promise
  async get(): Promise<object> {
    const values = [...this.#models].flatMap(([modelId, counts]) => this.#samples(modelId, counts));
    return { name: this.name, help: this.help, type: this.type, values, aggregator: 'sum' };
  }

  #samples(modelId: string, counts: BucketCounts): Sample[] {
    const labels = { model_name: modelId };
    const cumulative = counts.cumulative;
    const buckets = cumulative.map((value, index) => ({
      metricName: `${this.name}_bucket`,
      labels: { le: this.#bounds[index] ?? '+Inf', ...labels },
      value,
    }));
    return [
      ...buckets,
      { metricName: `${this.name}_sum`, labels, value: counts.sum },
      { metricName: `${this.name}_count`, labels, value: cumulative.at(-1) ?? 0 },
    ];
  }
}
