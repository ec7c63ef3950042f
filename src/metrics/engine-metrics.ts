import { Counter, Gauge, type Registry } from 'prom-client';
import type { Engine, EngineReport } from '../engine/engine.js';
import type { TimedReport } from '../pool/engine-reports.js';

const model = ['model_name'] as const;

const counted = ['preemptions', 'steps', 'abortedSteps', 'draftTokens', 'acceptedDraftTokens'] as const;

type Counted = Pick<EngineReport, (typeof counted)[number]>;

/**
 * What engines report of themselves. Their counts begin anew with each engine; here they go on. What happened between the
 * last report that was read and the end of an engine is not counted.
 */
export class EngineMetrics {
  readonly #running: Gauge<'model_name'>;
  readonly #waiting: Gauge<'model_name'>;
  readonly #cacheUsage: Gauge<'model_name'>;
  readonly #age: Gauge<'model_name'>;
  readonly #counters: Readonly<Record<keyof Counted, Counter<'model_name'>>>;
  readonly #counted = new WeakMap<Engine, Counted>();

  constructor(registry: Registry) {
    const registers = [registry];
    const gauge = (name: string, help: string): Gauge<'model_name'> =>
      new Gauge({ name, help, labelNames: model, registers });
    const counter = (name: string, help: string): Counter<'model_name'> =>
      new Counter({ name, help, labelNames: model, registers });
    this.#running = gauge('vllm:num_requests_running', 'Sequences in the steps of an engine');
    this.#waiting = gauge(
      'vllm:num_requests_waiting',
      'Sequences that wait in an engine for a slot or cells',
    );
    this.#cacheUsage = gauge('vllm:kv_cache_usage_perc', 'KV cells held or promised; 1 is all of them');
    this.#counters = {
      preemptions: counter('vllm:num_preemptions_total', 'Times a sequence lost its cells to others'),
      steps: counter('heddle_engine_steps_total', 'Steps that engines completed'),
      abortedSteps: counter(
        'heddle_engine_aborted_steps_total',
        'Steps that were aborted because a client left',
      ),
      draftTokens: counter(
        'vllm:spec_decode_num_draft_tokens_total',
        'Tokens that were guessed and verified',
      ),
      acceptedDraftTokens: counter(
        'vllm:spec_decode_num_accepted_tokens_total',
        'Guessed tokens that were right',
      ),
    };
    this.#age = gauge(
      'heddle_engine_report_age_seconds',
      'Age of what an engine said last of its requests and cells; it grows while an engine does not answer',
    );
  }

  /** Takes over what the engines said last, by model id. */
  read(reports: ReadonlyMap<string, TimedReport>): void {
    for (const gauge of [this.#running, this.#waiting, this.#cacheUsage, this.#age]) gauge.reset();
    for (const [modelId, { engine, report, age }] of reports) {
      const labels = { model_name: modelId };
      this.#running.set(labels, report.running);
      this.#waiting.set(labels, report.waiting);
      this.#cacheUsage.set(labels, report.usedCells / engine.info.contextSize);
      this.#age.set(labels, age / 1000);
      this.#count(labels, engine, report);
    }
  }

  #count(labels: { model_name: string }, engine: Engine, report: EngineReport): void {
    const before = this.#counted.get(engine);
    for (const name of counted) {
      this.#counters[name].inc(labels, report[name] - (before?.[name] ?? 0));
    }
    const { preemptions, steps, abortedSteps, draftTokens, acceptedDraftTokens } = report;
    this.#counted.set(engine, { preemptions, steps, abortedSteps, draftTokens, acceptedDraftTokens });
  }
}
