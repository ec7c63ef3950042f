import type { Batch } from '../core/batch.js';
import { createSequence, type Sequence } from '../core/sequence.js';
import type { Standing } from '../core/standing.js';
import { Scheduler, type SchedulerLimits } from '../scheduler/scheduler.js';
import { schedule } from './schedule.js';
import { loadOf, type StepLoad } from '../scheduler/step-cost.js';

/** A request of a trace. */
export interface Arrival extends Partial<Standing> {
  /** Milliseconds from the beginning. */
  readonly at: number;
  readonly promptTokens: number;
  /** Tokens it generates; at least 1. */
  readonly generate: number;
}

/** What became of a request; times are milliseconds from the beginning. */
export interface Served {
  readonly arrival: Arrival;
  /** When each of its tokens was generated. */
  readonly tokenTimes: readonly number[];
}

/** Milliseconds that a step takes on a machine. */
export type MachineCost = (load: StepLoad, now: number) => number;

/**
 * About what a model of 0.6 billion parameters costs on two cores: docs/benchmarks.md, "raw". Rows are arithmetic; what a
 * step costs at least is reading the weights.
 */
export const smallMachine: MachineCost = ({ rows, outputs, attended }) =>
  18 + 4.6 * rows + 1.2 * outputs + (0.6 * attended) / 1024;

/** A scheduler at work on a machine that is nothing but a cost model and a clock. Nothing of it takes real time. */
export class SimulatedMachine {
  readonly scheduler: Scheduler;
  readonly #cost: MachineCost;
  readonly #arrivals: Arrival[];
  readonly #served = new Map<Sequence, { arrival: Arrival; tokenTimes: number[] }>();
  readonly #all: Served[] = [];
  /** Prompt rows and generated tokens of each key, when they were computed. */
  readonly service: { at: number; fairnessKey: string; tokens: number }[] = [];
  /** Milliseconds and rows of each step. */
  readonly steps: { at: number; milliseconds: number; rows: number; generating: number }[] = [];
  now = 0;
  #nextId = 1;

  constructor(limits: SchedulerLimits, cost: MachineCost, arrivals: readonly Arrival[]) {
    this.scheduler = new Scheduler(limits);
    this.#cost = cost;
    this.#arrivals = arrivals.toSorted((left, right) => left.at - right.at);
  }

  /**
   * Goes on until nothing is left to do, or until a time.
   * @returns every request that has come, in order of arrival
   */
  run(until = Infinity): readonly Served[] {
    while (this.now < until) {
      this.#arrive();
      if (this.scheduler.idle) {
        const next = this.#arrivals[0];
        if (next === undefined) break;
        this.now = next.at;
      } else this.#step();
    }
    return this.#all;
  }

  #arrive(): void {
    for (let next = this.#arrivals[0]; next !== undefined && next.at <= this.now; next = this.#arrivals[0]) {
      this.#arrivals.shift();
      const { promptTokens, priority = 'normal', fairnessKey = '' } = next;
      const tokens = Array.from({ length: promptTokens }, (_, index) => index);
      const standing = { priority, fairnessKey };
      const sequence = createSequence(this.#nextId++, tokens, { standing });
      const served = { arrival: next, tokenTimes: [] };
      this.#served.set(sequence, served);
      this.#all.push(served);
      this.scheduler.add(sequence);
    }
  }

  #step(): void {
    const { batch } = schedule(this.scheduler);
    if (batch.rows === 0) throw new Error('a step without rows');
    const milliseconds = this.#cost(loadOf(batch), this.now);
    const generating = batch.spans.filter(({ output, tokens }) => output && tokens.length === 1).length;
    this.steps.push({ at: this.now, milliseconds, rows: batch.rows, generating });
    this.now += milliseconds;
    this.scheduler.advance(batch);
    this.#draw(batch);
    this.scheduler.measured(batch, milliseconds);
  }

  #draw({ spans }: Batch): void {
    for (const { sequenceId, tokens, output } of spans) {
      const sequence = this.scheduler.running.find(({ id }) => id === sequenceId);
      const served = sequence && this.#served.get(sequence);
      const { fairnessKey = '' } = sequence?.standing ?? {};
      this.service.push({ at: this.now, fairnessKey, tokens: tokens.length });
      if (sequence === undefined || served === undefined || !output) continue;
      served.tokenTimes.push(this.now);
      this.scheduler.append(sequence, 0);
      if (served.tokenTimes.length >= served.arrival.generate) this.scheduler.remove(sequence);
    }
  }
}

/** Milliseconds to the first token. */
export function firstTokenAfter({ arrival, tokenTimes }: Served): number {
  return (tokenTimes[0] ?? Infinity) - arrival.at;
}

/** Milliseconds from each token to the next. */
export function gapsOf({ tokenTimes }: Served): number[] {
  return tokenTimes.slice(1).map((time, index) => time - (tokenTimes[index] ?? 0));
}
