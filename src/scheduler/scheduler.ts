import type { Batch } from '../core/batch.js';
import type { Token } from '../core/generation.js';
import type { Sequence } from '../core/sequence.js';
import { plainPolicy, type SchedulingPolicy } from './policy.js';
import { StepBudget } from './step-budget.js';
import { loadOf, StepCost } from './step-cost.js';
import { StepRows } from './step-rows.js';
import { Turns } from './turns.js';

/** What a scheduler may use. */
export interface SchedulerLimits {
  /** Sequences in the KV cache at once. */
  readonly slots: number;
  /** KV cells, shared by the slots. */
  readonly cells: number;
  /** Rows of one step. */
  readonly stepBudget: number;
  /** Rows of one step with results; as many as rows when absent. At least `slots`. */
  readonly outputRows?: number;
  /** Sequences can be computed in parts; they can when absent. Else each must fit a step. */
  readonly causal?: boolean;
  /** First come, first served, in steps of any length, when absent. */
  readonly policy?: SchedulingPolicy;
}

/** The decision for one step. */
export interface Schedule {
  readonly batch: Batch;
  /** Slots that lost their sequence for want of cells; to be emptied before the batch is decoded. */
  readonly preempted: readonly number[];
}

/** Cells kept free for each running sequence to grow into before another one is admitted beside it. */
const growthHeadroom = 32;

/**
 * Decides which rows each step computes. It does no I/O and knows no native code; it owns the sequences given to it.
 *
 * A step holds one row of every sequence that lacks just one, then prompt rows of the others in {@link Turns}, until
 * the step budget is used up, or the time that {@link StepBudget} allows, or the rows with results, of which scores and
 * embeddings want many ({@link StepRows}). A sequence is admitted in its turn, when a slot and cells for its tokens are
 * free. When the cells run out, the newest running sequence of the lowest priority loses its own and is queued again, before
 * others of its priority: it computes them again later, and its client sees a pause. The sequences of one request are
 * admitted together.
 *
 * It reads no clock: it is told what steps took ({@link measured}), and learns from that what steps cost.
 *
 * Continuous batching after Orca (Yu et al., OSDI 2022); progress instead of phases after vLLM's v1 scheduler.
 */
export class Scheduler {
  readonly #limits: SchedulerLimits;
  readonly #policy: SchedulingPolicy;
  readonly #turns: Turns;
  readonly #cost: StepCost;
  /** In order of arrival, but for those that lost their cells: they are first. */
  readonly #waiting: Sequence[] = [];
  /** In order of admission. */
  readonly #running: Sequence[] = [];
  readonly #freeSlots: number[];
  /** Cells that may be promised: fewer than the limit after the library had no room for what was promised. */
  #cells: number;

  constructor(limits: SchedulerLimits) {
    this.#limits = limits;
    this.#policy = limits.policy ?? plainPolicy;
    this.#turns = new Turns(this.#policy.order);
    this.#cost = new StepCost(this.#policy.threads);
    this.#cells = limits.cells;
    this.#freeSlots = Array.from({ length: limits.slots }, (_, slot) => limits.slots - 1 - slot);
  }

  get running(): readonly Sequence[] {
    return this.#running;
  }

  get waiting(): readonly Sequence[] {
    return this.#waiting;
  }

  get idle(): boolean {
    return this.#running.length === 0 && this.#waiting.length === 0;
  }

  /** KV cells that running sequences hold or have been promised. */
  get usedCells(): number {
    const shared = new Set(this.#running.map((sequence) => sequence.shared));
    let used = 0;
    for (const cells of shared) used += cells?.count ?? 0;
    for (const sequence of this.#running) used += ownCells(sequence);
    return used;
  }

  /** Queues a sequence. Its tokens must fit the cells, or it would wait for ever. */
  add(sequence: Sequence): void {
    this.#waiting.push(sequence);
    this.#turns.arrived(sequence);
  }

  /** The rows of the next step. Admits waiting sequences and preempts running ones as needed. */
  schedule(): Schedule {
    const preempted = this.#preemptUntilFits();
    if (preempted.length === 0) this.#admit();
    return { batch: this.#chooseRows(), preempted };
  }

  /** The batch was decoded: its rows are in the cache. */
  advance(batch: Batch): void {
    let prompts = false;
    for (const span of batch.spans) {
      const sequence = this.#runningById(span.sequenceId);
      if (sequence === undefined) continue;
      prompts ||= !generates(sequence);
      sequence.computed += span.tokens.length;
      this.#turns.computed(sequence, span.tokens.length);
    }
    if (prompts) this.#turns.rowsTaken();
  }

  /** A batch that was decoded took so long, with all that belongs to a step; milliseconds. */
  measured(batch: Batch, milliseconds: number): void {
    this.#cost.learn(loadOf(batch), milliseconds);
  }

  /** Steps are computed by so many threads from now on. */
  setThreads(threads: number): void {
    this.#cost.setThreads(threads);
  }

  /** A token was drawn for the sequence. */
  append(sequence: Sequence, token: Token): void {
    sequence.tokens.push(token);
    this.#turns.generated(sequence);
  }

  /** Sequences in a slot that wait for this one's prompt; they can share its cells now that it is computed. */
  followers(leader: Sequence): Sequence[] {
    return this.#running.filter((sequence) => sequence.leader === leader);
  }

  /** The follower's slot now refers to the cells of its leader's prompt. */
  share(follower: Sequence): void {
    const leader = follower.leader;
    if (leader === undefined) return;
    leader.shared ??= { count: leader.promptLength };
    follower.shared = leader.shared;
    follower.computed = follower.promptLength;
    follower.leader = undefined;
  }

  /** The slot's content is lost; the sequence keeps the slot and computes its tokens again. */
  restart(sequence: Sequence): void {
    sequence.computed = 0;
    sequence.shared = undefined;
  }

  /**
   * The library had no cells for a batch, though they were promised: it has fewer than was thought. Until nothing runs,
   * so many are not promised again: the next step preempts, and what it preempts is not admitted to fail once more.
   */
  refused(): void {
    this.#cells = Math.min(this.#cells, this.usedCells - 1);
  }

  /**
   * Takes the cells of the newest running sequence of the lowest priority, and queues it again with all its tokens.
   * @returns its slot, to be emptied; undefined when nothing or only one sequence is running
   */
  preempt(): number | undefined {
    if (this.#running.length < 2) return undefined;
    const last = this.#turns.last(this.#running);
    // One that others wait for is the last of them to go: without it they would hold slots for nothing.
    const sequence = this.#running.findLast(({ leader }) => leader !== undefined && leader === last) ?? last;
    const slot = sequence?.slot;
    if (sequence === undefined || slot === undefined) return undefined;
    drop(this.#running, sequence);
    this.#release(sequence);
    this.#waiting.unshift(sequence);
    this.#turns.preempted(sequence, this.#running);
    return slot;
  }

  /**
   * The sequence ended, or its client left.
   * @returns its slot, to be emptied; undefined when it had none
   */
  remove(sequence: Sequence): number | undefined {
    const slot = sequence.slot;
    this.#turns.left(sequence, drop(this.#waiting, sequence));
    if (drop(this.#running, sequence)) this.#release(sequence);
    for (const follower of [...this.#waiting, ...this.#running]) {
      if (follower.leader === sequence) follower.leader = undefined;
    }
    return slot;
  }

  #preemptUntilFits(): number[] {
    const preempted: number[] = [];
    while (this.usedCells > this.#cells) {
      const slot = this.preempt();
      if (slot === undefined) break;
      preempted.push(slot);
    }
    return preempted;
  }

  #admit(): void {
    while (this.#freeSlots.length > 0) {
      const next = this.#next();
      if (next === undefined) return;
      if (next.leader !== undefined && !canLead(next.leader)) next.leader = undefined;
      const headroom = growthHeadroom * this.#running.length;
      if (this.usedCells + ownCells(next) + headroom > this.#cells && this.#running.length > 0) return;
      // Its followers are admitted with it, or they would find it past the prompt they are to share.
      const followers = this.#waiting.filter((sequence) => sequence.leader === next).length;
      if (this.#freeSlots.length < 1 + Math.min(followers, this.#limits.slots - 1)) return;
      const slot = this.#freeSlots.pop();
      if (slot === undefined) return;
      next.slot = slot;
      this.#turns.admitted(next, next.leader === undefined ? this.#waiting : undefined);
      drop(this.#waiting, next);
      this.#running.push(next);
    }
  }

  /** Who is to be admitted: a follower of one that was, else whose turn it is. */
  #next(): Sequence | undefined {
    const follower = this.#waiting.find(({ leader }) => leader !== undefined && canLead(leader));
    return follower ?? this.#turns.next(this.#waiting);
  }

  #chooseRows(): Batch {
    const { stepBudget, outputRows = stepBudget, causal = true } = this.#limits;
    const rows = new StepRows({ stepBudget, outputRows, causal });
    for (const sequence of this.#running) if (generates(sequence)) rows.add(sequence);
    const budget = new StepBudget(this.#cost, {
      target: this.#policy.interTokenTarget,
      generating: loadOf(rows.batch),
      whole: !causal,
    });
    const prompts = this.#running.filter((sequence) => !generates(sequence) && lacking(sequence) > 0);
    for (const sequence of this.#turns.sorted(prompts)) {
      budget.take(sequence, rows.add(sequence, budget.rowsFor(sequence, lacking(sequence))));
    }
    return rows.batch;
  }

  #release(sequence: Sequence): void {
    if (sequence.slot !== undefined) this.#freeSlots.push(sequence.slot);
    if (this.#running.length === 0) this.#cells = this.#limits.cells;
    sequence.slot = undefined;
    this.restart(sequence);
  }

  #runningById(id: number): Sequence | undefined {
    return this.#running.find((sequence) => sequence.id === id);
  }
}

/** Rows the sequence can use in a step; none while it waits for its leader. */
function lacking(sequence: Sequence): number {
  return sequence.leader === undefined ? sequence.tokens.length - sequence.computed : 0;
}

/** It lacks the one row that its next token is drawn from. */
function generates(sequence: Sequence): boolean {
  return sequence.results === undefined && lacking(sequence) === 1;
}

/** Cells the sequence holds or was promised for itself alone. */
function ownCells(sequence: Sequence): number {
  const elsewhere = sequence.leader?.promptLength ?? sequence.shared?.count ?? 0;
  return sequence.tokens.length - elsewhere;
}

/**
 * It is still computing its prompt, in a slot, so that waiting for it is worth while. One that has generated already,
 * and computes again what it lost, will hold more than the prompt, which can not be shared.
 */
function canLead(leader: Sequence): boolean {
  const { slot, computed, tokens, promptLength } = leader;
  return slot !== undefined && computed < promptLength && tokens.length === promptLength;
}

function drop<T>(list: T[], item: T): boolean {
  const index = list.indexOf(item);
  if (index < 0) return false;
  list.splice(index, 1);
  return true;
}
