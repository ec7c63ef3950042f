import { Counter, Registry } from 'prom-client';
import type { ErrorCode } from '../core/errors.js';
import type { PromptCacheReport } from '../core/prompt-cache.js';
import type { EnginePool, PoolObserver } from '../pool/engine-pool.js';
import type { TimedReport } from '../pool/engine-reports.js';
import { EngineMetrics } from './engine-metrics.js';
import { MeasurementMetrics, type Measured } from './measurement-metrics.js';
import { PoolMetrics } from './pool-metrics.js';
import { processMetrics } from './process-metrics.js';
import { PromptCacheMetrics } from './prompt-cache-metrics.js';
import { RequestMetrics } from './request-metrics.js';

/**
 * The metrics of one pool and its server, for Prometheus. Labels are ids of models that exist, states and codes; nothing
 * that a client sends becomes one. docs/operations.md says what each metric means.
 */
export class Metrics {
  readonly #registry: Registry;
  readonly #pool: PoolMetrics;
  readonly #engines: EngineMetrics;
  readonly #caches: PromptCacheMetrics;
  readonly #measurements: MeasurementMetrics;
  readonly #errors: Counter<'code'>;

  constructor() {
    const registry = new Registry();
    const requests = new RequestMetrics(registry);
    this.#measurements = new MeasurementMetrics(registry);
    this.#engines = new EngineMetrics(registry);
    this.#caches = new PromptCacheMetrics(registry);
    this.#pool = new PoolMetrics(registry, requests);
    this.#errors = new Counter({
      name: 'heddle_request_errors_total',
      help: 'Requests to the API that were refused or ended with an error, by error code',
      labelNames: ['code'],
      registers: [registry],
    });
    this.#registry = Registry.merge([registry, processMetrics()]);
  }

  /** To be told of what happens in the pool. */
  get observer(): PoolObserver {
    return this.#pool;
  }

  /** The media type of {@link text}. */
  get contentType(): string {
    return this.#registry.contentType;
  }

  /** A request for embeddings or relevances was answered. */
  measured(measured: Measured): void {
    this.#measurements.add(measured);
  }

  /** An answer was an error, or a stream ended with one. */
  requestFailed(code: ErrorCode): void {
    this.#errors.inc({ code });
  }

  /**
   * All metrics in Prometheus' text format.
   * @param reports what the engines of the pool said last, by model id
   * @param caches what they said last of the prompts that they keep
   */
  async text(
    pool: EnginePool,
    reports: ReadonlyMap<string, TimedReport>,
    caches: ReadonlyMap<string, TimedReport<PromptCacheReport>> = new Map(),
  ): Promise<string> {
    this.#engines.read(reports);
    this.#caches.read(caches);
    this.#pool.read(pool);
    return this.#registry.metrics();
  }
}
