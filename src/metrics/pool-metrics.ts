import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { SettleReport } from '../core/memory.js';
import type { Engine } from '../engine/engine.js';
import type { EnginePool, PoolObserver } from '../pool/engine-pool.js';
import { transitions, type EngineState, type EngineStateKind } from '../pool/engine-state.js';
import type { ManagedModel } from '../pool/managed-model.js';
import type { ModelFile } from '../pool/model-catalogue.js';
import { loadBuckets } from './buckets.js';
import type { RequestMetrics } from './request-metrics.js';

const model = ['model_name'] as const;
const states = Object.keys(transitions) as readonly EngineStateKind[];

/** What happens to models, counted as it happens, and how they are, read when it is shown. */
export class PoolMetrics implements PoolObserver {
  readonly #requests: RequestMetrics;
  readonly #transitions: Counter<'model_name' | 'from' | 'to'>;
  readonly #losses: Counter<'model_name'>;
  readonly #settles: Counter<'model_name' | 'verdict'>;
  readonly #settleTime: Histogram<'model_name'>;
  readonly #loadTime: Histogram<'model_name'>;
  readonly #queueTime: Histogram<'model_name'>;
  readonly #leaseWait: Histogram<'model_name'>;
  readonly #state: Gauge<'model_name' | 'state'>;
  readonly #pending: Gauge<'model_name'>;
  readonly #quarantined: Gauge<'model_name'>;
  readonly #ceiling: Gauge;
  readonly #held: Gauge<'model_name' | 'state'>;

  /** @param requests hears of every engine that is made */
  constructor(registry: Registry, requests: RequestMetrics) {
    this.#requests = requests;
    const registers = [registry];
    const histogram = (name: string, help: string): Histogram<'model_name'> =>
      new Histogram({ name, help, buckets: loadBuckets, labelNames: model, registers });
    this.#state = new Gauge({
      name: 'heddle_model_state',
      help: '1 for the state a model is in, 0 for the others; models that were asked for at least once',
      labelNames: [...model, 'state'],
      registers,
    });
    this.#transitions = new Counter({
      name: 'heddle_model_state_transitions_total',
      help: 'Times a model went from one state to another',
      labelNames: [...model, 'from', 'to'],
      registers,
    });
    this.#loadTime = histogram(
      'heddle_load_seconds',
      'Time that loads took which succeeded, without waiting for memory',
    );
    this.#queueTime = histogram(
      'heddle_load_queue_seconds',
      'Time before loads in which their memory was predicted and waited for',
    );
    this.#leaseWait = histogram(
      'heddle_lease_wait_seconds',
      'Time that requests waited until they could be handed over to a loaded engine',
    );
    this.#losses = new Counter({
      name: 'heddle_engine_losses_total',
      help: 'Engines that were lost without having been told to end',
      labelNames: model,
      registers,
    });
    this.#settles = new Counter({
      name: 'heddle_settle_total',
      help: 'Engines that ended, by what became of their memory',
      labelNames: [...model, 'verdict'],
      registers,
    });
    this.#settleTime = histogram(
      'heddle_settle_seconds',
      'From the end of an engine to the reading that said what became of its memory',
    );
    this.#pending = new Gauge({
      name: 'heddle_requests_pending',
      help: 'Requests handed over to the engine that have not ended, as the gateway counts them',
      labelNames: model,
      registers,
    });
    this.#quarantined = new Gauge({
      name: 'heddle_engines_quarantined',
      help: 'Engines whose teardown was never confirmed',
      labelNames: model,
      registers,
    });
    this.#ceiling = new Gauge({
      name: 'heddle_memory_ceiling_bytes',
      help: 'Memory that all engines together may take',
      registers,
    });
    this.#held = new Gauge({
      name: 'heddle_memory_held_bytes',
      help: 'Memory on the ledger, by what its holder does',
      labelNames: [...model, 'state'],
      registers,
    });
  }

  created({ id }: ModelFile, engine: Engine): void {
    this.#losses.inc({ model_name: id }, 0);
    this.#requests.watch(id, engine);
  }

  leased({ id }: ModelFile, waited: number): void {
    this.#leaseWait.observe({ model_name: id }, waited / 1000);
  }

  changed({ file, state }: ManagedModel, from: EngineState): void {
    const labels = { model_name: file.id };
    this.#transitions.inc({ ...labels, from: from.kind, to: state.kind });
    if (from.kind === 'queued' && state.kind === 'loading')
      this.#queueTime.observe(labels, secondsSince(from));
    if (from.kind === 'loading' && state.kind === 'ready') this.#loadTime.observe(labels, secondsSince(from));
  }

  progress(): void {}

  lost({ id }: ModelFile): void {
    this.#losses.inc({ model_name: id });
  }

  settled({ id }: ModelFile, { verdict, milliseconds }: SettleReport): void {
    this.#settles.inc({ model_name: id, verdict });
    this.#settleTime.observe({ model_name: id }, milliseconds / 1000);
  }

  /** Reads how the models are at this moment. */
  read(pool: EnginePool): void {
    for (const gauge of [this.#state, this.#pending, this.#quarantined, this.#held]) gauge.reset();
    for (const { file, state, engine, memory } of pool.models) {
      const labels = { model_name: file.id };
      for (const kind of states) this.#state.set({ ...labels, state: kind }, Number(kind === state.kind));
      this.#pending.set(labels, engine?.pendingRequests ?? 0);
      const quarantined = [...memory.remainders].filter((remainder) => remainder.state === 'quarantined');
      this.#quarantined.set(labels, quarantined.length);
    }
    this.#ceiling.set(pool.memoryCeiling);
    for (const { id, bytes, state } of pool.ledger) this.#held.inc({ model_name: id, state }, bytes);
  }
}

/** The clock can be set back; a duration is never negative. */
function secondsSince({ since }: { readonly since: number }): number {
  return Math.max(0, Date.now() - since) / 1000;
}
