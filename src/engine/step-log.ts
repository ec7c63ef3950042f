import type { EngineReport, StepRecord } from './protocol.js';

const recentLength = 64;

/** Counts what an engine's steps did, and keeps the latest ones. */
export class StepLog {
  #decodes = 0;
  #steps = 0;
  #abortedSteps = 0;
  #widestStep = 0;
  #preemptions = 0;
  readonly #recent: StepRecord[] = [];
  readonly #threads = new Set<number>();

  decoded(record: Omit<StepRecord, 'number'>, threadId: number): void {
    this.#decodes++;
    if (record.outcome === 'ok') this.#steps++;
    if (record.outcome === 'aborted') this.#abortedSteps++;
    this.#widestStep = Math.max(this.#widestStep, record.rows.length);
    this.#threads.add(threadId);
    this.#recent.push({ number: this.#decodes, ...record });
    if (this.#recent.length > recentLength) this.#recent.shift();
  }

  preempted(count: number): void {
    this.#preemptions += count;
  }

  get threads(): readonly number[] {
    return [...this.#threads];
  }

  get counts(): Pick<EngineReport, 'steps' | 'abortedSteps' | 'widestStep' | 'preemptions' | 'recentSteps'> {
    return {
      steps: this.#steps,
      abortedSteps: this.#abortedSteps,
      widestStep: this.#widestStep,
      preemptions: this.#preemptions,
      recentSteps: [...this.#recent],
    };
  }
}
