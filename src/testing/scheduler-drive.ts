import assert from 'node:assert/strict';
import { firstOutput, type Batch, type BatchSpan } from '../core/batch.js';
import type { Drafting } from '../core/drafting.js';
import type { Token } from '../core/generation.js';
import { plainStanding, type Standing } from '../core/standing.js';
import { createSequence, type RowResults, type Sequence } from '../core/sequence.js';
import type { LaneOperation } from '../scheduler/lanes.js';
import { Scheduler, type SchedulerLimits } from '../scheduler/scheduler.js';
import { FakeCells } from './fake-cells.js';

/** Sequences with one prompt, as a request brings them. */
export interface Job {
  readonly promptLength: number;
  /** Tokens each of its sequences generates. */
  readonly generate: number;
  readonly choices: number;
  /** Results are wanted of its rows, and nothing is generated: its choices are inputs that share nothing. */
  readonly measures?: 'logits' | 'embeddings' | 'last embedding' | undefined;
  /** The step before which it is added. */
  readonly arrives: number;
  /** Its client leaves so many steps later. */
  readonly leavesAfter: number | undefined;
  readonly standing?: Standing;
  /** Those of one scope share what they have in common: all prompts begin alike. */
  readonly scope?: string | undefined;
  /** Tokens that are drafted in every step; some of them are right. None when absent. */
  readonly drafts?: number | undefined;
}

/** How a step ends; `lost` is an abort where the memory can not be cut: its sequences begin again. */
export type Outcome = 'ok' | 'aborted' | 'no-cells' | 'lost';

/** A scheduler at work against a cache that refuses what llama.cpp's would; checks every step it decides. */
export class SchedulerDrive {
  readonly #limits: SchedulerLimits;
  readonly #scheduler: Scheduler;
  readonly #cells: FakeCells;
  readonly #jobs: readonly Job[];
  readonly #family = new Map<Sequence, Job>();
  /** Positions of the rows whose results were read. */
  readonly #read = new Map<number, number[]>();
  readonly admitted: number[] = [];
  readonly finished: { job: Job; tokens: readonly Token[] }[] = [];
  computedRows = 0;
  /** Tokens of drafts that were verified, and that were right. */
  readonly drafted = { verified: 0, right: 0 };
  step = 0;
  #nextId = 1;

  constructor(schedulerLimits: SchedulerLimits, jobs: readonly Job[]) {
    this.#limits = schedulerLimits;
    this.#scheduler = new Scheduler(schedulerLimits);
    this.#cells = new FakeCells(schedulerLimits.lanes ?? schedulerLimits.slots);
    this.#jobs = jobs;
  }

  run(outcomesOfSteps: readonly Outcome[]): void {
    const last = Math.max(...this.#jobs.map(({ arrives }) => arrives));
    while (this.step <= last || !this.#scheduler.idle) {
      if (this.step > 20_000) throw new Error('the sequences never end');
      this.#arriveAndLeave();
      this.#step(outcomesOfSteps[this.step] ?? 'ok');
      this.step++;
    }
    assert.equal(this.#scheduler.usedCells, 0);
    assert.ok(this.#scheduler.residents.size < 2 || this.#cells.used <= (this.#limits.residentCells ?? 0));
    this.#scheduler.evictResidents();
    this.#perform(this.#scheduler.takeOperations());
    assert.equal(this.#cells.used, 0);
  }

  #perform(operations: readonly LaneOperation[]): void {
    for (const operation of operations) {
      switch (operation.kind) {
        case 'empty': {
          const { lane, content } = operation;
          if (content !== undefined) assert.deepEqual(this.#cells.tokens(lane), content.tokens);
          this.#cells.remove(lane, 0, Infinity);
          break;
        }
        case 'cut':
          assert.ok(this.#limits.canCut ?? true);
          assert.deepEqual(this.#cells.tokens(operation.lane), operation.content.tokens);
          this.#cells.remove(operation.lane, operation.length, Infinity);
          break;
        case 'share': {
          const { source, target, count } = operation;
          assert.equal(this.#cells.count(target), 0);
          if (this.#limits.canCut === false) assert.equal(this.#cells.count(source), count);
          this.#cells.share(source, target);
          this.#cells.remove(target, count, Infinity);
          break;
        }
      }
    }
  }

  #arriveAndLeave(): void {
    for (const arriving of this.#jobs.filter(({ arrives }) => arrives === this.step)) {
      let leader: Sequence | undefined;
      for (let choice = 0; choice < arriving.choices; choice++) {
        const results = resultsOf(arriving);
        const { promptLength, standing = plainStanding, scope } = arriving;
        const own = results === undefined ? scope : undefined;
        const parts = { leader, results, standing, scope: own };
        const sequence = createSequence(this.#nextId++, prompt(promptLength), parts);
        if (results === undefined) leader ??= sequence;
        this.#family.set(sequence, arriving);
        this.#scheduler.add(sequence);
      }
    }
    for (const [sequence, { arrives, leavesAfter }] of this.#family) {
      if (leavesAfter !== undefined && arrives + leavesAfter <= this.step) this.#remove(sequence);
    }
  }

  #step(outcome: Outcome): void {
    const scheduler = this.#scheduler;
    const { operations, placed } = scheduler.admit();
    this.#perform(operations);
    for (const sequence of placed) {
      assert.ok(sequence.slot !== undefined);
      if (!this.admitted.includes(sequence.id)) this.admitted.push(sequence.id);
    }
    this.#checkCells();
    const batch = scheduler.chooseRows(this.#drafting);
    this.#check(batch);
    if (outcome === 'lost') {
      for (const { slot } of batch.spans) this.#cells.remove(slot, 0, Infinity);
      for (const sequence of scheduler.running) {
        if (batch.spans.some(({ sequenceId }) => sequenceId === sequence.id)) scheduler.restart(sequence);
      }
    } else if (outcome === 'no-cells') {
      if (scheduler.running.length > 1) scheduler.refused();
    } else if (outcome === 'ok') {
      this.#compute(batch);
    }
  }

  /** What the scheduler believes of the cache is so. */
  #checkCells(): void {
    const { running, usedCells, residentCells, residents } = this.#scheduler;
    const promised = running.reduce(
      (sum, { tokens, leader, computed }) => sum + tokens.length - (leader?.promptLength ?? computed),
      0,
    );
    assert.equal(this.#cells.used, usedCells - promised + residentCells);
    assert.ok(residents.size < 2 || residentCells <= (this.#limits.residentCells ?? 0));
    for (const [lane, { tokens }] of residents) assert.deepEqual(this.#cells.tokens(lane), tokens);
    for (const { slot, tokens, computed } of running)
      assert.deepEqual(this.#cells.tokens(slot ?? -1), tokens.slice(0, computed));
  }

  #check({ spans, rows: rowCount, embeds }: Batch): void {
    const { slots, lanes = slots, cells, stepBudget, outputRows = stepBudget } = this.#limits;
    const outputs = spans.reduce((sum, span) => sum + span.tokens.length - firstOutput(span), 0);
    assert.ok((embeds === true ? rowCount : outputs) <= outputRows);
    const { running } = this.#scheduler;
    assert.ok(running.length <= slots);
    assert.equal(
      spans.reduce((sum, { tokens }) => sum + tokens.length, 0),
      rowCount,
    );
    assert.ok(rowCount <= stepBudget);
    if (running.length > 0) assert.ok(rowCount > 0);
    const used = running.map(({ slot }) => slot ?? -1);
    assert.equal(new Set(used).size, used.length);
    assert.equal(
      used.every((slot) => slot >= 0 && slot < lanes),
      true,
    );
    assert.equal(new Set(spans.map(({ slot }) => slot)).size, spans.length);
    assert.ok(this.#cells.used + rowCount <= cells);
    if (running.length > 1) assert.ok(this.#scheduler.usedCells <= cells);
    for (const span of spans) {
      const { sequenceId, slot, start, drafts = 0, output } = span;
      const tokens = span.tokens.slice(0, span.tokens.length - drafts);
      if (drafts > 0) {
        assert.ok(this.#limits.canCut ?? true);
        assert.ok(tokens.length === 1 && output && firstOutput(span) === 0);
      }
      const sequence = running.find(({ id }) => id === sequenceId);
      assert.equal(sequence?.slot, slot);
      assert.deepEqual(this.#cells.tokens(slot), sequence?.tokens.slice(0, start));
      assert.deepEqual(tokens, sequence?.tokens.slice(start, start + tokens.length));
      assert.equal(output, start + tokens.length === sequence?.tokens.length);
      const results = sequence?.results;
      if (results === undefined) continue;
      assert.equal(start + firstOutput(span), Math.max(start, Math.min(results.from, start + tokens.length)));
      if (results.embeds && firstOutput(span) < tokens.length) assert.equal(embeds, true);
    }
  }

  #compute(batch: Batch): void {
    this.computedRows += batch.rows;
    for (const { slot, tokens } of batch.spans) for (const token of tokens) this.#cells.append(slot, token);
    this.#scheduler.advance(batch);
    this.#scheduler.measured(batch, 1 + this.step * (this.step % 7));
    for (const span of batch.spans) {
      const sequence = this.#scheduler.running.find(({ id }) => id === span.sequenceId);
      if (sequence?.results !== undefined) this.#measure(sequence, sequence.results, span);
      if (sequence === undefined || sequence.results !== undefined || !span.output) continue;
      const followers = this.#scheduler.followers(sequence);
      for (const follower of followers) {
        this.#cells.share(sequence.slot ?? -1, follower.slot ?? -1);
        this.#scheduler.share(follower);
      }
      if (span.drafts !== undefined) this.#verify(sequence, span, span.drafts);
      else for (const drawing of [sequence, ...followers]) this.#draw(drawing);
    }
  }

  /** Drafts tokens of which the first ones are right, another number of them in each step. */
  readonly #drafting: Drafting = {
    draft: (sequences, room) => {
      const drafts = new Map<Sequence, readonly Token[]>();
      let left = room.rows;
      for (const sequence of sequences) {
        const { generate = 0, promptLength = 0, drafts: most = 0 } = this.#family.get(sequence) ?? {};
        const next = sequence.tokens.length;
        assert.ok(next > promptLength);
        const count = Math.min(most, left, promptLength + generate - next - 1);
        if (count < 1) continue;
        const right = (this.step * 7 + sequence.id * 3) % (count + 2);
        const token = (index: number): Token => (index < right ? drawn(sequence, next + index) : 0);
        drafts.set(
          sequence,
          Array.from({ length: count }, (_, index) => token(index)),
        );
        left -= count;
      }
      return drafts;
    },
  };

  #verify(sequence: Sequence, { tokens, slot }: BatchSpan, drafts: number): void {
    const guesses = tokens.slice(-drafts);
    this.drafted.verified += drafts;
    for (const guess of [...guesses, undefined]) {
      const token = drawn(sequence, sequence.tokens.length);
      this.#scheduler.append(sequence, token);
      if (token !== guess) break;
      this.#scheduler.confirm(sequence);
      this.drafted.right++;
    }
    this.#cells.remove(slot, sequence.computed, Infinity);
    this.#endIfDone(sequence);
  }

  #measure(sequence: Sequence, { from }: RowResults, span: BatchSpan): void {
    const { start, tokens, output } = span;
    const read = start === 0 ? [] : (this.#read.get(sequence.id) ?? []);
    for (let index = firstOutput(span); index < tokens.length; index++) read.push(start + index);
    this.#read.set(sequence.id, read);
    if (!output) return;
    assert.deepEqual(
      read,
      prompt(sequence.tokens.length).filter((position) => position >= from),
    );
    const job = this.#family.get(sequence);
    if (job !== undefined) this.finished.push({ job, tokens: [...sequence.tokens] });
    this.#remove(sequence);
  }

  #draw(sequence: Sequence): void {
    this.#scheduler.append(sequence, drawn(sequence, sequence.tokens.length));
    this.#endIfDone(sequence);
  }

  #endIfDone(sequence: Sequence): void {
    const job = this.#family.get(sequence);
    if (job === undefined || sequence.tokens.length < job.promptLength + job.generate) return;
    this.finished.push({ job, tokens: [...sequence.tokens] });
    assert.deepEqual(sequence.tokens, [
      ...prompt(job.promptLength),
      ...Array.from({ length: job.generate }, (_, index) => 1000 * sequence.id + job.promptLength + index),
    ]);
    this.#remove(sequence);
  }

  #remove(sequence: Sequence): void {
    this.#scheduler.remove(sequence);
    this.#perform(this.#scheduler.takeOperations());
    this.#family.delete(sequence);
  }
}

function resultsOf({ measures, promptLength }: Job): RowResults | undefined {
  switch (measures) {
    case 'logits':
      return { from: Math.floor(promptLength / 2), embeds: false };
    case 'embeddings':
      return { from: 0, embeds: true };
    case 'last embedding':
      return { from: promptLength - 1, embeds: true };
    case undefined:
      return undefined;
  }
}

/** The token that a sequence draws for a position. */
function drawn({ id }: Sequence, position: number): Token {
  return 1000 * id + position;
}

function prompt(length: number): Token[] {
  return Array.from({ length }, (_, index) => index);
}
