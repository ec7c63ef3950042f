import type { Batch } from '../core/batch.js';
import type { Drafting } from '../core/drafting.js';
import type { Token } from '../core/generation.js';
import { cacheBlockTokens } from '../core/prompt-cache.js';
import type { Sequence } from '../core/sequence.js';
import { rankOf } from '../core/standing.js';
import { Lanes, type LaneContent, type LaneOperation, type Reusable } from './lanes.js';
import { plainPolicy, type SchedulingPolicy } from './policy.js';
import { PrefixTree } from './prefix-tree.js';
import { mostStretch, StepBudget } from './step-budget.js';
import { attendedBy, loadOf, StepCost } from './step-cost.js';
import { StepRows } from './step-rows.js';
import { Turns } from './turns.js';

/** What a scheduler may use. */
export interface SchedulerLimits {
  /** Sequences that run at once. */
  readonly slots: number;
  /** Sequences in the KV cache at once, those that have finished included; as many as run when absent. */
  readonly lanes?: number;
  /** KV cells that finished sequences may keep; none when absent. */
  readonly residentCells?: number;
  /** The tail of a sequence can be removed from the cache; it can when absent. */
  readonly canCut?: boolean;
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

/** Who has a lane from now on, and what must be done to the cache before the next batch. */
export interface Admission {
  /** In order, before anything else is done to the cache. */
  readonly operations: readonly LaneOperation[];
  /** Sequences that have a lane now; `computed` says how much of them it holds already. */
  readonly placed: readonly Sequence[];
  /** Sequences that lost their lane for want of cells. */
  readonly preempted: number;
}

/** Cells kept free for each running sequence to grow into before another one is admitted beside it. */
const growthHeadroom = 32;

/** A prompt waits for another that is computing so many tokens of it, or more. */
const worthWaiting = 64;

/** A prompt that begins as one that is being computed. */
interface Deferral {
  readonly leader: Sequence;
  /** Tokens in common. */
  readonly count: number;
}

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
  readonly #lanes: Lanes;
  /** What running sequences hold or will compute of their prompts, by scope. */
  readonly #planned = new Map<string, PrefixTree<Sequence>>();
  /** Of those that wait: for whose prompt. */
  readonly #deferrals = new Map<Sequence, Deferral>();
  /** Cells that may be promised: fewer than the limit after the library had no room for what was promised. */
  #cells: number;

  constructor(limits: SchedulerLimits) {
    this.#limits = limits;
    this.#policy = limits.policy ?? plainPolicy;
    this.#turns = new Turns(this.#policy.order);
    this.#cost = new StepCost(this.#policy.threads);
    this.#cells = limits.cells;
    const { slots, lanes = slots, residentCells = 0, canCut = true } = limits;
    this.#lanes = new Lanes({ lanes, residentCells, canCut });
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
    return this.#lanes.usedBy(this.#runningLanes()) + this.#promisedCells;
  }

  /** KV cells that only finished sequences refer to. */
  get residentCells(): number {
    return this.#lanes.residentCells;
  }

  /** What finished sequences left in the cache, by lane; that used longest ago first. */
  get residents(): ReadonlyMap<number, LaneContent> {
    return this.#lanes.residents;
  }

  /** Queues a sequence. Its tokens must fit the cells, or it would wait for ever. */
  add(sequence: Sequence): void {
    this.#waiting.push(sequence);
    this.#turns.arrived(sequence, this.#reusable(sequence)?.count);
  }

  /** Admits waiting sequences, and preempts running ones, as there is room. To be followed by {@link chooseRows}. */
  admit(): Admission {
    const preempted = this.#preemptUntilFits();
    const placed = preempted === 0 ? this.#admit() : [];
    return { operations: this.#lanes.takeOperations(), placed, preempted };
  }

  /** What is to be done to the cache since sequences were removed; {@link admit} tells it too. */
  takeOperations(): readonly LaneOperation[] {
    return this.#lanes.takeOperations();
  }

  /**
   * A placed sequence's lane holds so many of its tokens now: another tier of the cache had them, or it was cut.
   * @param count at most all but one
   */
  restored(sequence: Sequence, count: number): void {
    const { slot, computed, tokens } = sequence;
    if (slot === undefined) return;
    if (count < computed) this.#lanes.cut(slot, count);
    else this.#lanes.append(slot, tokens.slice(computed, count));
    sequence.computed = count;
    this.#turns.reused(sequence);
  }

  /** A placed sequence has rows only when what another tier has of it is in its lane. */
  setRestoring(sequence: Sequence, restoring: boolean): void {
    sequence.restoring = restoring;
  }

  /** The rows of a prompt end at these positions too, so that the state there can be saved. */
  stopAt(sequence: Sequence, positions: readonly number[]): void {
    if (positions.length === 0) return;
    sequence.stops = [...new Set([...sequence.stops, ...positions])].toSorted((a, b) => a - b);
  }

  /** How much of a prompt the cache holds. */
  held(scope: string, tokens: readonly Token[]): number {
    return this.#lanes.find(scope, tokens, tokens.length)?.count ?? 0;
  }

  /** The batch was decoded: its rows are in the cache. Drafts count when they were confirmed ({@link confirm}). */
  advance(batch: Batch): void {
    let prompts = false;
    for (const span of batch.spans) {
      const sequence = this.#runningById(span.sequenceId);
      if (sequence === undefined) continue;
      prompts ||= !generates(sequence);
      const { slot, tokens, drafts = 0 } = span;
      this.#compute(sequence, slot, drafts === 0 ? tokens : tokens.slice(0, -drafts));
    }
    if (prompts) this.#turns.rowsTaken();
  }

  /** The token that was drawn last is the draft behind the row that it was drawn from: its row is in the cache too. */
  confirm(sequence: Sequence): void {
    const { slot, computed, tokens } = sequence;
    if (slot !== undefined) this.#compute(sequence, slot, tokens.slice(computed, computed + 1));
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
    const { leader, slot } = follower;
    if (leader?.slot === undefined || slot === undefined) return;
    this.#lanes.shared(leader.slot, slot, leader.tokens.slice(0, leader.promptLength));
    follower.computed = follower.promptLength;
    follower.leader = undefined;
  }

  /** The slot's content is lost; the sequence keeps the slot and computes its tokens again. */
  restart(sequence: Sequence): void {
    sequence.computed = 0;
    if (sequence.slot !== undefined) this.#lanes.cut(sequence.slot, 0);
  }

  /**
   * The library had no cells for a batch, though they were promised: it has fewer than was thought. Until nothing runs,
   * so many are not promised again: the next step evicts or preempts, and what it preempts is not admitted to fail once more.
   */
  refused(): void {
    this.#cells = Math.min(this.#cells, this.#committedCells - 1);
  }

  /**
   * Takes the cells of the newest running sequence of the lowest priority, and queues it again with all its tokens.
   * @returns its lane; undefined when nothing or only one sequence is running
   */
  preempt(): number | undefined {
    if (this.#running.length < 2) return undefined;
    const sequence = this.#victim();
    const slot = sequence?.slot;
    if (sequence === undefined || slot === undefined) return undefined;
    drop(this.#running, sequence);
    this.#lanes.drop(slot, this.#contentOf(sequence));
    this.#release(sequence);
    this.#waiting.unshift(sequence);
    this.#turns.preempted(sequence, this.#running);
    return slot;
  }

  /**
   * The sequence that is to give its cells up, should every one that runs grow by so many tokens; undefined when there is
   * room for that.
   */
  endangered(growth: number): Sequence | undefined {
    const { length: count } = this.#running;
    return count > 1 && this.usedCells + count * growth > this.#cells ? this.#victim() : undefined;
  }

  /**
   * The sequence ended, or its client left. What it has computed stays in the cache as long as there is room.
   * @param options.keep false when what its slot holds is not to be trusted
   */
  remove(sequence: Sequence, { keep = true }: { keep?: boolean } = {}): void {
    this.#turns.left(sequence, drop(this.#waiting, sequence));
    this.#deferrals.delete(sequence);
    if (drop(this.#running, sequence)) {
      const content = this.#contentOf(sequence);
      if (keep && content !== undefined && sequence.slot !== undefined)
        this.#lanes.keep(sequence.slot, content);
      else if (sequence.slot !== undefined) this.#lanes.drop(sequence.slot);
      this.#release(sequence);
    }
    for (const follower of [...this.#waiting, ...this.#running]) {
      if (follower.leader === sequence) follower.leader = undefined;
    }
  }

  /** Finished sequences leave the cache: it is short of room in a way that was not foreseen, or is to be emptied. */
  evictResidents(): void {
    while (this.#lanes.evict());
  }

  /** Cells in the cache, those of finished sequences included, and those that are promised. */
  get #committedCells(): number {
    return this.#lanes.usedCells + this.#promisedCells;
  }

  get #canCut(): boolean {
    return this.#limits.canCut ?? true;
  }

  get #promisedCells(): number {
    return this.#running.reduce((sum, sequence) => sum + promised(sequence), 0);
  }

  #runningLanes(): number[] {
    return this.#running.flatMap(({ slot }) => (slot === undefined ? [] : [slot]));
  }

  #victim(): Sequence | undefined {
    const last = this.#turns.last(this.#running);
    // One that others wait for is the last of them to go: without it they would hold slots for nothing.
    return this.#running.findLast(({ leader }) => leader !== undefined && leader === last) ?? last;
  }

  #preemptUntilFits(): number {
    let preempted = 0;
    while (this.#committedCells > this.#cells) {
      if (this.#lanes.evict()) continue;
      if (this.preempt() === undefined) break;
      preempted++;
    }
    return preempted;
  }

  #admit(): Sequence[] {
    const placed: Sequence[] = [];
    while (this.#running.length < this.#limits.slots) {
      const next = this.#next();
      if (next === undefined) break;
      if (next.leader !== undefined && !canLead(next.leader)) next.leader = undefined;
      const found = this.#reusable(next);
      if (this.#defer(next, found?.count ?? 0)) continue;
      // Its followers are admitted with it, or they would find it past the prompt they are to share.
      const followers = this.#waiting.filter((sequence) => sequence.leader === next).length;
      const free = this.#limits.slots - this.#running.length;
      if (free < 1 + Math.min(followers, this.#limits.slots - 1)) break;
      if (!this.#place(next, found)) break;
      this.#turns.reused(next);
      this.#turns.admitted(next, next.leader === undefined ? this.#waiting : undefined);
      drop(this.#waiting, next);
      this.#running.push(next);
      this.#plan(next);
      placed.push(next);
    }
    return placed;
  }

  /** What the cache holds of a sequence that waits. At least its last token is to be computed: its result is wanted. */
  #reusable({ leader, scope, tokens }: Sequence): Reusable | undefined {
    if (leader !== undefined || scope === undefined) return undefined;
    const found = this.#lanes.find(scope, tokens, tokens.length - 1);
    const owner = this.#running.find(({ slot }) => slot === found?.lane);
    return owner !== undefined && this.#lacksState(owner) ? undefined : found;
  }

  /** Of what is being put back there are cells only: where a memory can not be cut, they are nothing without a state. */
  #lacksState({ restoring }: Sequence): boolean {
    return restoring && this.#limits.canCut === false;
  }

  /** What a running sequence leaves in the cache; undefined when nobody may share it. */
  #contentOf(sequence: Sequence): LaneContent | undefined {
    const { scope, tokens, computed } = sequence;
    if (scope === undefined || computed === 0 || this.#lacksState(sequence)) return undefined;
    return { scope, tokens: tokens.slice(0, computed) };
  }

  /** Gives a sequence a lane, if there are cells for it, or for as long as nothing runs. */
  #place(sequence: Sequence, found: Reusable | undefined): boolean {
    const { leader, tokens, scope } = sequence;
    const alone = this.#running.length === 0;
    const lanes = this.#runningLanes();
    const promisedCells = this.#promisedCells + growthHeadroom * this.#running.length;
    const free = this.#cells - promisedCells;
    const lacks = leader === undefined ? tokens.length : tokens.length - leader.promptLength;
    const wanted = lacks - (found?.count ?? 0);
    let cutSource = false;
    if (found === undefined) {
      if (!alone && this.#lanes.usedBy(lanes) + wanted > free) return false;
    } else if (this.#lanes.usedBy([...lanes, found.lane]) + wanted > free) {
      if (!alone && this.#lanes.usedBy(lanes) + lacks > free) return false;
      cutSource = true;
    }
    const slot = this.#lanes.take(scope, tokens, found, { cutSource });
    while (this.#lanes.usedCells + wanted > free && this.#lanes.evict());
    sequence.slot = slot;
    sequence.computed = found?.count ?? 0;
    sequence.reused ??= sequence.computed;
    return true;
  }

  /**
   * Whether a sequence is to wait for another one, which computes what it would compute as well. Where a memory can not be
   * cut, the other one stops there for a step, so that its state can be shared or saved.
   */
  #defer(sequence: Sequence, held: number): boolean {
    const { leader, scope, tokens, standing } = sequence;
    const tree = scope === undefined || leader !== undefined ? undefined : this.#planned.get(scope);
    if (tree === undefined) return false;
    const { length, owner } = tree.match(tokens);
    if (owner === undefined || rankOf(owner.standing) > rankOf(standing)) return false;
    const most = Math.min(length, tokens.length - 1);
    const count = this.#canCut ? most : most - (most % cacheBlockTokens);
    if (count - held < worthWaiting) return false;
    if (!this.#canCut) {
      if (owner.computed >= count) return false; // it has passed there
      this.stopAt(owner, [count]);
    }
    this.#deferrals.set(sequence, { leader: owner, count });
    return true;
  }

  #isDeferred(sequence: Sequence): boolean {
    const deferral = this.#deferrals.get(sequence);
    if (deferral === undefined) return false;
    const { leader, count } = deferral;
    if (leader.slot !== undefined && leader.computed < count) return true;
    this.#deferrals.delete(sequence);
    return false;
  }

  #plan(sequence: Sequence): void {
    const { scope, tokens, leader } = sequence;
    // A follower has all of its prompt at once, and never stops in it.
    if (scope === undefined || (leader !== undefined && !this.#canCut)) return;
    let tree = this.#planned.get(scope);
    if (tree === undefined) {
      tree = new PrefixTree<Sequence>();
      this.#planned.set(scope, tree);
    }
    tree.insert(sequence, tokens);
  }

  #unplan(sequence: Sequence): void {
    const { scope } = sequence;
    const tree = scope === undefined ? undefined : this.#planned.get(scope);
    tree?.remove(sequence);
    if (scope !== undefined && tree?.size === 0) this.#planned.delete(scope);
  }

  /** Who is to be admitted: a follower of one that was, else whose turn it is. */
  #next(): Sequence | undefined {
    const follower = this.#waiting.find(({ leader }) => leader !== undefined && canLead(leader));
    if (follower !== undefined || this.#deferrals.size === 0)
      return follower ?? this.#turns.next(this.#waiting);
    return this.#turns.next(this.#waiting.filter((sequence) => !this.#isDeferred(sequence)));
  }

  /**
   * The rows of the next step.
   * @param drafting whom to ask for drafts; there are none when absent
   */
  chooseRows(drafting?: Drafting): Batch {
    const { stepBudget, outputRows = stepBudget, causal = true } = this.#limits;
    const rows = new StepRows({ stepBudget, outputRows, causal });
    const generating = this.#running.filter(generates);
    const drafts = this.#draft(generating, drafting);
    for (const sequence of generating) rows.add(sequence, 1, drafts?.get(sequence));
    const budget = new StepBudget(this.#cost, {
      target: this.#policy.interTokenTarget,
      generating: loadOf(rows.batch),
      whole: !causal,
    });
    const prompts = this.#running.filter((sequence) => !generates(sequence) && lacking(sequence) > 0);
    for (const sequence of this.#turns.sorted(prompts)) {
      budget.take(sequence, rows.add(sequence, budget.rowsFor(sequence, untilStop(sequence))));
    }
    return rows.batch;
  }

  /** Drafts leave a row, a result and the promised cells to every sequence that runs. */
  #draft(
    generating: readonly Sequence[],
    drafting: Drafting | undefined,
  ): ReadonlyMap<Sequence, readonly Token[]> | undefined {
    const { stepBudget, outputRows = stepBudget, canCut = true } = this.#limits;
    if (drafting === undefined || !canCut || !this.#cost.known || generating.length === 0) return undefined;
    // Scores and embeddings have a use for every row with a result.
    if (this.#running.some(({ results }) => results !== undefined)) return undefined;
    const count = generating.length;
    const attended = generating.reduce((sum, { computed }) => sum + attendedBy(computed, 1), 0);
    const cost = (drafts: number): number => {
      const rows = count + drafts;
      return this.#cost.predict({ rows, outputs: rows, attended: (attended / count) * rows });
    };
    const running = this.#running.length;
    let rows = Math.min(Math.min(stepBudget, outputRows) - running, this.#cells - this.#committedCells);
    const longest = Math.max(this.#policy.interTokenTarget, mostStretch * cost(0));
    while (rows > 0 && cost(rows) > longest) rows--;
    const sequences = generating.filter(({ tokens, promptLength }) => tokens.length > promptLength);
    return drafting.draft(rows > 0 ? sequences : [], { rows: Math.max(0, rows), generating: count, cost });
  }

  #compute(sequence: Sequence, slot: number, tokens: readonly Token[]): void {
    sequence.computed += tokens.length;
    this.#lanes.append(slot, tokens);
    this.#turns.computed(sequence, tokens.length);
    // It is past all that others could wait for.
    if (!this.#canCut && generates(sequence)) this.#unplan(sequence);
  }

  #release(sequence: Sequence): void {
    if (this.#running.length === 0) this.#cells = this.#limits.cells;
    this.#unplan(sequence);
    sequence.slot = undefined;
    sequence.computed = 0;
    sequence.stops = [];
    sequence.restoring = false;
  }

  #runningById(id: number): Sequence | undefined {
    return this.#running.find((sequence) => sequence.id === id);
  }
}

/** Rows the sequence can use in a step; none while it waits for its leader, or for what is put back. */
function lacking({ leader, restoring, tokens, computed }: Sequence): number {
  return leader === undefined && !restoring ? tokens.length - computed : 0;
}

/** Rows of a prompt that may be in one step. */
function untilStop(sequence: Sequence): number {
  const { stops, computed } = sequence;
  const stop = stops.find((position) => position > computed) ?? Infinity;
  return Math.min(lacking(sequence), stop - computed);
}

/** It lacks the one row that its next token is drawn from. */
function generates(sequence: Sequence): boolean {
  return sequence.results === undefined && lacking(sequence) === 1;
}

/** Cells that a running sequence will still need, for the tokens it has. */
function promised({ tokens, leader, computed }: Sequence): number {
  return tokens.length - (leader?.promptLength ?? computed);
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
