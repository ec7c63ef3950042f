import type { Batch } from '../core/batch.js';
import { HeddleError, toErrorData } from '../core/errors.js';
import type { GenerateRequest, Prompt, RequestUpdate, Token } from '../core/generation.js';
import type { DecodeOutcome, ModelRunner } from '../core/model-runner.js';
import { createSequence, type Sequence } from '../core/sequence.js';
import { Scheduler } from '../scheduler/scheduler.js';
import type { AbortBoard } from './abort-board.js';
import { Choice } from './choice.js';
import type { EngineReport } from './protocol.js';
import { StepLog } from './step-log.js';

/**
 * A loaded model at work: takes requests between steps, and each {@link step} schedules rows, decodes them, samples
 * and says what came of it. Synchronous; it lives on the engine thread and owns everything native of the engine.
 */
export class EngineCore {
  readonly #runner: ModelRunner;
  readonly #board: AbortBoard;
  readonly #scheduler: Scheduler;
  /** By sequence id. */
  readonly #choices = new Map<number, Choice>();
  readonly #log = new StepLog();
  readonly #loadThread: number;
  #updates: RequestUpdate[] = [];
  /** The last step was aborted and took rows of others with it: the next one is theirs, whoever leaves. */
  #owesStep = false;
  #nextSequenceId = 1;

  constructor(runner: ModelRunner, board: AbortBoard) {
    this.#runner = runner;
    this.#board = board;
    this.#loadThread = runner.threadId();
    this.#scheduler = new Scheduler({
      slots: runner.info.slots,
      cells: runner.info.contextSize,
      stepBudget: runner.info.batchSize,
    });
  }

  /** There is nothing to compute. */
  get idle(): boolean {
    return this.#scheduler.idle;
  }

  /** What happened since the last call, in order. */
  takeUpdates(): readonly RequestUpdate[] {
    const updates = this.#updates;
    this.#updates = [];
    return updates;
  }

  /** Queues a request; one that can not be served fails at once and leaves nothing behind. */
  generate(request: GenerateRequest, lane: number): void {
    try {
      checkCounts(request, this.#runner.info.slots);
      const prompt = this.#promptTokens(request.prompt);
      for (const choice of this.#createChoices(request, lane, prompt)) {
        this.#choices.set(choice.sequence.id, choice);
        this.#scheduler.add(choice.sequence);
      }
      this.#updates.push({ kind: 'accepted', requestId: request.id, promptTokens: prompt.length });
    } catch (error) {
      this.#updates.push({ kind: 'failed', requestId: request.id, error: toErrorData(error) });
    }
  }

  /** The client left: its sequences end now. Unknown requests have ended already. */
  cancel(requestId: string): void {
    this.#fail(
      requestId,
      new HeddleError('request_cancelled', 'The request was cancelled before it was complete.'),
    );
  }

  tokenize(text: string, options: { addSpecial: boolean; parseSpecial: boolean }): Token[] {
    return this.#runner.tokenize(text, options);
  }

  setThreads(threads: number): void {
    this.#runner.setThreads(threads);
  }

  /** One step: schedule, decode, sample. Failures of the library end the requests that were running, not the engine. */
  step(): void {
    const { batch, preempted } = this.#scheduler.schedule();
    for (const slot of preempted) this.#emptySlot(slot);
    this.#log.preempted(preempted.length);
    if (batch.rows === 0) return;
    try {
      const outcome = this.#decode(batch);
      if (outcome === 'ok') this.#sample(batch);
      else this.#recover(batch, outcome);
    } catch (error) {
      this.#failRunning(error);
    }
  }

  inspect(): EngineReport {
    return {
      threads: { load: this.#loadThread, decode: this.#log.threads },
      ...this.#log.counts,
      running: this.#scheduler.running.length,
      waiting: this.#scheduler.waiting.length,
      usedCells: this.#scheduler.usedCells,
      memory: this.#runner.memory(),
    };
  }

  /** Ends every request with `model_unloading`, frees everything native, and reports the memory that is left. */
  close(): EngineReport {
    this.#failAll(new HeddleError('model_unloading', 'The model is being unloaded. Send the request again.'));
    const report = this.inspect();
    const teardown = this.#runner.threadId();
    this.#runner.dispose();
    return { ...report, threads: { ...report.threads, teardown }, memory: this.#runner.memory() };
  }

  #promptTokens(prompt: Prompt): readonly Token[] {
    const { contextSize, vocabularySize } = this.#runner.info;
    if (prompt.kind === 'text') this.#checkLength(prompt.text);
    const tokens = prompt.kind === 'text' ? this.#runner.tokenize(prompt.text, prompt) : prompt.tokens;
    if (tokens.length === 0) throw new HeddleError('invalid_parameter', 'The prompt has no tokens.');
    const unknown = tokens.find((token) => !Number.isInteger(token) || token < 0 || token >= vocabularySize);
    if (unknown !== undefined) {
      throw new HeddleError(
        'invalid_parameter',
        `The prompt has the token ${unknown}; this model has tokens 0 to ${vocabularySize - 1}.`,
      );
    }
    if (tokens.length >= contextSize) {
      throw new HeddleError(
        'context_length_exceeded',
        `The prompt has ${tokens.length} tokens; with at least one to generate, the context of this model holds ${contextSize - 1}. Shorten the prompt, or serve the model with a larger --ctx.`,
      );
    }
    return tokens;
  }

  /** Tokenizing takes time that grows faster than the text: one that can not fit is refused before. */
  #checkLength(text: string): void {
    const { contextSize, longestTokenBytes } = this.#runner.info;
    const bytes = Buffer.byteLength(text);
    if (bytes <= contextSize * longestTokenBytes) return;
    throw new HeddleError(
      'context_length_exceeded',
      `The prompt has ${bytes} bytes; no text of that length fits the context of this model, which holds ${contextSize} tokens. Shorten the prompt, or serve the model with a larger --ctx.`,
    );
  }

  /** The sequences of a request: the first computes the prompt, the others wait to share it. */
  #createChoices(request: GenerateRequest, lane: number, prompt: readonly Token[]): Choice[] {
    const seed = request.sampling.seed ?? randomSeed();
    const choices: Choice[] = [];
    try {
      for (let index = 0; index < request.choices; index++) {
        const sequence = createSequence(this.#nextSequenceId++, prompt, choices[0]?.sequence);
        const sampler = this.#runner.createSampler(request.sampling, {
          seed: (seed + index) >>> 0,
          prompt,
          ignoreEos: request.stop.ignoreEos,
        });
        choices.push(new Choice({ request, lane, index, sequence, sampler }));
      }
    } catch (error) {
      for (const choice of choices) choice.sampler.dispose();
      throw error;
    }
    return choices;
  }

  /** `aborted` also when the step was not begun, because its main request had just been cancelled. */
  #decode(batch: Batch): DecodeOutcome {
    const lane = this.#abortableLane(batch);
    const started = performance.now();
    let outcome: DecodeOutcome | 'failed' = 'failed';
    try {
      outcome = this.#board.enterStep(lane) ? this.#runner.decode(batch) : 'aborted';
      return outcome;
    } finally {
      this.#board.leaveStep(lane);
      const rows = batch.spans.map(({ sequenceId, tokens }) => {
        const choice = this.#choices.get(sequenceId);
        return { requestId: choice?.request.id ?? '', choice: choice?.index ?? 0, count: tokens.length };
      });
      const decodeMs = performance.now() - started;
      this.#log.decoded({ outcome, rows, decodeMs }, this.#runner.threadId());
    }
  }

  /**
   * The lane for whose sake the step may be aborted: that of a request with most of its rows. Where an abort would
   * leave the state of other sequences unusable, it must have all of them. The step after one that was aborted with
   * rows of others in it may not be aborted: or clients that come and go could keep the others from any progress.
   */
  #abortableLane(batch: Batch): number | undefined {
    if (this.#owesStep) return undefined;
    const rowsByLane = new Map<number, number>();
    for (const { sequenceId, tokens } of batch.spans) {
      const lane = this.#choices.get(sequenceId)?.lane;
      if (lane !== undefined) rowsByLane.set(lane, (rowsByLane.get(lane) ?? 0) + tokens.length);
    }
    const needed = this.#runner.info.canCut ? batch.rows / 2 : batch.rows - 1;
    for (const [lane, rows] of rowsByLane) if (rows > needed) return lane;
    return undefined;
  }

  #sample(batch: Batch): void {
    this.#owesStep = false;
    this.#scheduler.advance(batch);
    let row = -1;
    for (const span of batch.spans) {
      row += span.tokens.length;
      const choice = this.#choices.get(span.sequenceId);
      if (!span.output || choice === undefined) continue;
      const followers =
        choice.request.choices > 1 ? this.#shareWithFollowers(choice.sequence, span.slot) : [];
      for (const drawing of [choice, ...followers]) this.#drawToken(drawing, row);
    }
  }

  /** The prompt of a request with several choices is computed once; the others take it over here. */
  #shareWithFollowers(leader: Sequence, leaderSlot: number): Choice[] {
    const followers: Choice[] = [];
    for (const sequence of this.#scheduler.followers(leader)) {
      const choice = this.#choices.get(sequence.id);
      if (choice === undefined || sequence.slot === undefined) continue;
      this.#runner.shareCells(leaderSlot, sequence.slot);
      this.#scheduler.share(sequence);
      followers.push(choice);
    }
    return followers;
  }

  #drawToken(choice: Choice, row: number): void {
    const token = choice.sampler.sample(row);
    this.#scheduler.append(choice.sequence, token);
    const update = choice.accept(token, this.#runner);
    if (update === undefined) return;
    this.#updates.push(update);
    if (update.finish !== undefined) this.#end(choice);
  }

  /** Brings the cache back to what the sequences know to be there; their rows are scheduled again. */
  #recover(batch: Batch, outcome: 'aborted' | 'no-cells'): void {
    for (const { sequenceId, slot, start } of batch.spans) {
      const sequence = this.#choices.get(sequenceId)?.sequence;
      if (sequence === undefined || this.#runner.removeCells(slot, start, -1)) continue;
      this.#emptySlot(slot);
      this.#scheduler.restart(sequence);
    }
    if (outcome === 'aborted') {
      const lanes = new Set(batch.spans.map(({ sequenceId }) => this.#choices.get(sequenceId)?.lane));
      this.#owesStep = lanes.size > 1;
      return;
    }
    if (this.#scheduler.running.length > 1) this.#scheduler.refused();
    else {
      this.#failRunning(
        new HeddleError('native_call_failed', `The KV cache has no room for a batch of ${batch.rows} rows.`),
      );
    }
  }

  #fail(requestId: string, error: unknown): void {
    const choices = [...this.#choices.values()].filter((choice) => choice.request.id === requestId);
    if (choices.length === 0) return;
    for (const choice of choices) this.#end(choice);
    this.#updates.push({ kind: 'failed', requestId, error: toErrorData(error) });
  }

  /** Requests that wait in the queue are served all the same. */
  #failRunning(error: unknown): void {
    const running = this.#scheduler.running.map(({ id }) => this.#choices.get(id)?.request.id);
    for (const requestId of new Set(running)) if (requestId !== undefined) this.#fail(requestId, error);
  }

  #failAll(error: unknown): void {
    const requests = new Set([...this.#choices.values()].map((choice) => choice.request.id));
    for (const requestId of requests) this.#fail(requestId, error);
  }

  #end(choice: Choice): void {
    const slot = this.#scheduler.remove(choice.sequence);
    if (slot !== undefined) this.#emptySlot(slot);
    choice.sampler.dispose();
    this.#choices.delete(choice.sequence.id);
  }

  /** A whole sequence can be removed from every kind of memory. */
  #emptySlot(slot: number): void {
    this.#runner.removeCells(slot, 0, -1);
  }
}

function checkCounts({ choices, stop: { maxTokens = 1 } }: GenerateRequest, slots: number): void {
  if (!Number.isInteger(choices) || choices < 1 || !Number.isInteger(maxTokens) || maxTokens < 1) {
    throw new HeddleError(
      'invalid_parameter',
      'A request must have at least one choice of at least one token, in whole numbers.',
    );
  }
  if (choices > slots) {
    throw new HeddleError(
      'invalid_parameter',
      `A request can have ${slots} choices at most: as many as this model works on at once. Ask for fewer, or serve the model with a larger --parallel.`,
      { param: 'n' },
    );
  }
}

function randomSeed(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0] ?? 0;
}
