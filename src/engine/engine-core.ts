import { firstOutput, type Batch, type BatchSpan } from '../core/batch.js';
import type { EmbedRequest } from '../core/embedding.js';
import { HeddleError, toErrorData } from '../core/errors.js';
import type { ChoiceUpdate, GenerateRequest, Token } from '../core/generation.js';
import type { DecodeOutcome, ModelRunner } from '../core/model-runner.js';
import { type CacheHolding, type PromptCacheAction, type PromptCacheReport } from '../core/prompt-cache.js';
import type { Drafting } from '../core/drafting.js';
import { kindTexts } from '../core/model-kind.js';
import type { SpelledToken } from '../core/likelihood.js';
import type { RequestUpdate } from '../core/request-update.js';
import type { RerankRequest } from '../core/reranking.js';
import type { ScoreRequest } from '../core/scoring.js';
import { createSequence, type Sequence } from '../core/sequence.js';
import { standingOf } from '../core/standing.js';
import { Scheduler } from '../scheduler/scheduler.js';
import type { Speculator } from '../speculation/speculator.js';
import type { AbortBoard } from './abort-board.js';
import type { BlockCache } from './block-cache.js';
import { Choice } from './choice.js';
import { EmbeddingWork } from './embedding-work.js';
import { GuideMaker } from './guide-maker.js';
import { InputQueue } from './input-queue.js';
import { LaneKeeper, promptOf } from './lane-keeper.js';
import { spell } from './likelihoods.js';
import { PairWriter } from './pair-tokens.js';
import { promptBoundaries } from './prompt-boundaries.js';
import { promptTokens, type PromptLimits } from './prompt-tokens.js';
import type { EngineReport } from './protocol.js';
import { checkRequest, checkWish } from './request-checks.js';
import { RerankingWork } from './reranking-work.js';
import { ScoringWork } from './scoring-work.js';
import { StepLog } from './step-log.js';
import { inOne } from './choice-updates.js';
import type { Measurement } from './work.js';

/**
 * Of the KV cells, so many may be kept by sequences that have finished. Every row attends to all cells that are in use,
 * masked or not, so that full residents would make each token slower; and what leaves is quickly restored.
 */
const residentShare = 0.5;

/** After the KV cache had no room for a step with drafts, so many steps have none. */
const stepsWithoutDrafts = 64;

/** So long the disk may be busy before somebody looks whether more can be saved, milliseconds. */
const diskPatience = 1000;

/** How long a vocabulary is read for grammars before a step that others wait for, and when nobody waits; milliseconds. */
const busyReading = 10;
const idleReading = 50;

/**
 * A loaded model at work: takes requests between steps, and each {@link step} schedules rows, decodes them, samples
 * and says what came of it. Synchronous; it lives on the engine thread and owns everything native of the engine.
 */
export class EngineCore {
  readonly #runner: ModelRunner;
  readonly #board: AbortBoard;
  readonly #scheduler: Scheduler;
  readonly #cache: BlockCache | undefined;
  readonly #lanes: LaneKeeper;
  readonly #speculator: Speculator | undefined;
  /** Steps that are to have no drafts, a count. */
  #plainSteps = 0;
  #onFetched: () => void = () => {};
  /** By sequence id: lets go of what was read for it. */
  readonly #fetched = new Map<number, () => void>();
  /** By sequence id. */
  readonly #work = new Map<number, Choice | Measurement>();
  /** Of embed and rerank requests, by id. */
  readonly #inputs = new Map<string, InputQueue>();
  readonly #guides: GuideMaker;
  /** Requests with a grammar that wait until the vocabulary was read for it, by id. */
  readonly #unguided = new Map<string, { request: GenerateRequest; lane: number }>();
  readonly #log = new StepLog();
  readonly #loadThread: number;
  /** Choices whose client knows that their turn has come. */
  readonly #begun = new WeakSet<Choice>();
  #updates: RequestUpdate[] = [];
  /** The last step was aborted and took rows of others with it: the next one is theirs, whoever leaves. */
  #owesStep = false;
  #nextSequenceId = 1;

  /**
   * @param pace compute threads that the runner has, and the time from one token of a stream to its next that steps are
   * cut for, milliseconds; 0 for steps of any length
   * @param cache where prompts are kept beside the KV cache; nowhere when absent
   * @param speculator drafts several tokens for a step; every step draws one of each sequence when absent
   */
  constructor(
    runner: ModelRunner,
    board: AbortBoard,
    pace: { readonly threads: number; readonly interTokenTarget: number } = {
      threads: 1,
      interTokenTarget: 0,
    },
    cache?: BlockCache,
    speculator?: Speculator,
  ) {
    this.#runner = runner;
    this.#guides = new GuideMaker(runner);
    this.#cache = cache;
    this.#speculator = speculator;
    this.#board = board;
    this.#loadThread = runner.threadId();
    this.#scheduler = new Scheduler({
      slots: runner.info.slots,
      cells: runner.info.causal ? runner.info.contextSize : Infinity, // an encoder keeps nothing between steps
      stepBudget: runner.info.batchSize,
      lanes: runner.info.lanes,
      residentCells: runner.info.causal ? Math.floor(runner.info.contextSize * residentShare) : 0,
      canCut: runner.info.canCut,
      outputRows: runner.info.outputRows,
      causal: runner.info.causal,
      policy: {
        order: 'shortest',
        interTokenTarget: pace.interTokenTarget > 0 ? pace.interTokenTarget : Infinity,
        threads: pace.threads,
      },
    });
    this.#lanes = new LaneKeeper(runner, this.#scheduler, cache);
  }

  /** There is nothing to compute. */
  get idle(): boolean {
    return this.#scheduler.idle && this.#unguided.size === 0;
  }

  /** There is something to wait for beside commands, or to be done in the background: others must have their turn. */
  get needsTurns(): boolean {
    return this.#cache?.store.hasDisk === true;
  }

  /**
   * Resolves when a prompt was read from the disk, so that there may be something to compute, or when the disk has had
   * time for what is to be saved. Never, when neither is waited for.
   */
  async fetched(): Promise<void> {
    const fetched = new Promise<void>((resolve) => (this.#onFetched = resolve));
    const { saving = false, store } = this.#cache ?? {};
    await (saving ? Promise.race([fetched, store?.flush(diskPatience)]) : fetched);
  }

  /**
   * Something that can be done while there is nothing to compute, in some milliseconds.
   * @returns whether more of it can be done at once
   */
  tidy(): boolean {
    return this.#lanes.tidy();
  }

  /** Ends every request with `model_unloading`. */
  endRequests(): void {
    this.#failAll(new HeddleError('model_unloading', 'The model is being unloaded. Send the request again.'));
  }

  /** Writes what is to be kept of prompts to the disk, as far as there is time for it; milliseconds. */
  async keepPrompts(deadline: number): Promise<void> {
    return this.#lanes.keepPrompts(deadline);
  }

  /** What happened since the last call, in order. */
  takeUpdates(): readonly RequestUpdate[] {
    const updates = this.#updates;
    this.#updates = [];
    return updates;
  }

  /** Queues a request; one that can not be served fails at once and leaves nothing behind. */
  generate(request: GenerateRequest, lane: number): void {
    this.#attempt(request.id, () => {
      if (request.grammar !== undefined && !this.#guides.prepare(0)) {
        this.#unguided.set(request.id, { request, lane });
        return;
      }
      this.#checkGenerates('generate text');
      checkRequest(request, this.#runner.info.slots);
      const most = this.#runner.info.contextSize - 1;
      const because = `with at least one to generate, the context of this model holds ${most}. ${largerContext}`;
      const prompt = promptTokens(this.#runner, request.prompt, { what: 'prompt', most, because });
      this.#addChoices(this.#createChoices(request, lane, prompt));
      this.#updates.push({ kind: 'accepted', requestId: request.id, promptTokens: prompt.length });
    });
  }

  /** As {@link generate}, for the probability of a text. */
  score(request: ScoreRequest, lane: number): void {
    this.#attempt(request.id, () => {
      this.#checkGenerates('score a text');
      checkWish(request.likelihoods);
      const runner = this.#runner;
      const most = runner.info.contextSize;
      const because = `the context of this model holds ${most}. ${largerContext}`;
      const read = (what: 'prompt' | 'continuation'): readonly Token[] =>
        promptTokens(runner, request[what], { what, most, because, param: what });
      const [prompt, continuation] = [read('prompt'), read('continuation')];
      if (prompt.length + continuation.length - 1 > most) {
        throw new HeddleError(
          'context_length_exceeded',
          `Prompt and continuation have ${prompt.length + continuation.length} tokens; ${because}`,
        );
      }
      this.#add(new ScoringWork(request, { lane, sequenceId: this.#nextSequenceId++, prompt, continuation }));
    });
  }

  /** As {@link generate}, for embeddings. An input that can not be served fails the request when its turn comes. */
  embed(request: EmbedRequest, lane: number): void {
    this.#attempt(request.id, () => {
      if (request.inputs.length === 0)
        throw new HeddleError('invalid_parameter', 'There is no input to embed.', { param: 'inputs' });
      this.#addInputs(request.id, request.inputs.length, (index) => this.#embedding(request, lane, index));
    });
  }

  /** As {@link embed}, for the relevance of documents to a query. */
  rerank(request: RerankRequest, lane: number): void {
    this.#attempt(request.id, () => {
      if (request.documents.length === 0)
        throw new HeddleError('invalid_parameter', 'There is no document to rerank.', { param: 'documents' });
      const { causal, kind, reranking } = this.#runner.info;
      if (reranking === undefined) {
        throw new HeddleError(
          'unsupported_by_model',
          kind === 'reranking'
            ? 'This model calls itself a reranker, but has no output that tells one relevance.'
            : `This model can not rerank documents: it is ${kindTexts[kind].name}.`,
        );
      }
      const pairs = new PairWriter(this.#runner, reranking, request.query);
      this.#addInputs(request.id, request.documents.length, (index) => {
        const limits = this.#inputLimits('query with this document', `documents[${index}]`);
        const tokens = pairs.tokens(request.documents[index] ?? '', limits);
        const parts = { lane, index, sequenceId: this.#nextSequenceId++, tokens };
        return new RerankingWork(request, parts, { causal });
      });
    });
  }

  /** The client left: its sequences end now. Unknown requests have ended already. */
  cancel(requestId: string): void {
    const isKnown =
      this.#unguided.has(requestId) || [...this.#work.values()].some((work) => work.requestId === requestId);
    if (!isKnown) return;
    this.#fail(
      requestId,
      new HeddleError('request_cancelled', 'The request was cancelled before it was complete.'),
    );
  }

  tokenize(text: string, options: { addSpecial: boolean; parseSpecial: boolean }): Token[] {
    return this.#runner.tokenize(text, options);
  }

  /**
   * What tokens stand for.
   * @throws HeddleError `invalid_parameter` for one that the model does not have, `context_length_exceeded` for more than
   * any request could have
   */
  spell(tokens: readonly Token[]): SpelledToken[] {
    const most = this.#runner.info.contextSize;
    if (tokens.length > most) {
      const message = `There are ${tokens.length} tokens; the context of this model holds ${most}. ${largerContext}`;
      throw new HeddleError('context_length_exceeded', message);
    }
    return tokens.map((token) => spell(this.#runner, token));
  }

  /** How much of a prompt is kept, for requests with this salt. */
  async probe(tokens: readonly Token[], salt: string): Promise<CacheHolding> {
    const device = this.#scheduler.held(salt, tokens);
    const others = await this.#cache?.probe({ scope: salt, tokens });
    return { device, host: others?.host ?? 0, disk: others?.disk ?? 0 };
  }

  /** What is kept of prompts, once the action is done; see `Engine.promptCache`. */
  async promptCache(action: PromptCacheAction): Promise<PromptCacheReport> {
    const device = action === 'clear' ? this.#lanes.evictResidents() : 0;
    const cleared = action === 'clear' ? { device, ...((await this.#cache?.clear()) ?? nothing) } : undefined;
    const verified = action === 'verify' ? await this.#cache?.store.verify() : undefined;
    const others = await this.#cache?.report();
    return {
      device: {
        cells: this.#runner.info.contextSize,
        usedCells: this.#scheduler.usedCells,
        residentCells: this.#scheduler.residentCells,
        residents: this.#scheduler.residents.size,
      },
      ...others,
      ...(cleared === undefined ? {} : { cleared }),
      ...(verified === undefined ? {} : { verified }),
    };
  }

  setThreads(threads: number): void {
    this.#runner.setThreads(threads);
    this.#scheduler.setThreads(threads);
  }

  /** One step: schedule, decode, sample. Failures of the library end the requests that were running, not the engine. */
  step(): void {
    this.#prepareGuides();
    this.#lanes.stepBegins();
    const { operations, placed, preempted } = this.#scheduler.admit();
    this.#lanes.perform(operations);
    const restoring = this.#scheduler.running.filter((sequence) => sequence.restoring);
    for (const sequence of [...restoring, ...placed]) this.#begin(sequence);
    this.#log.preempted(preempted);
    const batch = this.#scheduler.chooseRows(this.#drafting());
    if (batch.rows === 0) return;
    // What is moved between tiers is no cost of rows.
    const started = performance.now();
    try {
      const outcome = this.#decode(batch);
      if (outcome === 'ok') {
        this.#takeResults(batch);
        this.#stepEnded(batch, performance.now() - started - this.#lanes.aside);
        this.#lanes.stepEnded();
      } else this.#recover(batch, outcome);
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
      residentCells: this.#scheduler.residentCells,
      draftTokens: this.#speculator?.counts.drafted ?? 0,
      acceptedDraftTokens: this.#speculator?.counts.accepted ?? 0,
      memory: this.#runner.memory(),
    };
  }

  /** Ends every request with `model_unloading`, frees everything native, and reports the memory that is left. */
  close(): EngineReport {
    this.endRequests();
    const report = this.inspect();
    const teardown = this.#runner.threadId();
    this.#runner.dispose();
    return { ...report, threads: { ...report.threads, teardown }, memory: this.#runner.memory() };
  }

  /** What goes wrong with one request ends that one, and leaves nothing of it behind but its failure. */
  #attempt(requestId: string, act: () => void): void {
    try {
      act();
    } catch (error) {
      this.#fail(requestId, error);
    }
  }

  #add(work: Choice | Measurement): void {
    this.#work.set(work.sequence.id, work);
    this.#scheduler.add(work.sequence);
  }

  /** The choices of a request wait for what the disk has of their prompt. */
  #addChoices(choices: readonly Choice[]): void {
    const first = choices[0]?.sequence;
    const prompt = first === undefined ? undefined : promptOf(first);
    const held = prompt === undefined ? 0 : this.#scheduler.held(prompt.scope, prompt.tokens);
    const fetched = prompt === undefined ? undefined : this.#cache?.fetch(prompt, held);
    for (const choice of choices) {
      this.#work.set(choice.sequence.id, choice);
      if (fetched === undefined) this.#scheduler.add(choice.sequence);
    }
    if (fetched === undefined || first === undefined) return;
    void fetched.then((letGo) => {
      if (this.#work.has(first.id)) this.#fetched.set(first.id, letGo);
      else letGo(); // the client left
      for (const { sequence } of choices) if (this.#work.has(sequence.id)) this.#scheduler.add(sequence);
      this.#onFetched();
    });
  }

  #addInputs(requestId: string, count: number, begin: (index: number) => Measurement): void {
    const inputs = new InputQueue(count, begin);
    this.#inputs.set(requestId, inputs);
    for (let added = 0; added < this.#runner.info.slots; added++) this.#addInput(requestId, inputs);
  }

  #addInput(requestId: string, inputs: InputQueue): void {
    const next = inputs.take();
    if (next === undefined) this.#inputs.delete(requestId);
    else this.#add(next);
  }

  #embedding(request: EmbedRequest, lane: number, index: number): EmbeddingWork {
    const { causal, embedding } = this.#runner.info;
    if (embedding === undefined) {
      throw new HeddleError('unsupported_by_model', 'This model is a reranker: it makes no embeddings.');
    }
    const input = request.inputs[index] ?? { kind: 'tokens', tokens: [] };
    const tokens = promptTokens(this.#runner, input, this.#inputLimits('input', `inputs[${index}]`));
    const parts = { lane, index, sequenceId: this.#nextSequenceId++, tokens };
    return new EmbeddingWork(request, parts, { causal, embedding });
  }

  #inputLimits(what: string, param: string): PromptLimits {
    const { causal, contextSize, batchSize } = this.#runner.info;
    return {
      what,
      most: causal ? contextSize : batchSize,
      because: causal
        ? `the context of this model holds ${contextSize}. ${largerContext}`
        : `this model reads ${batchSize} at once, at most. Shorten it.`,
      param,
    };
  }

  #checkGenerates(what: string): void {
    const { kind, causal } = this.#runner.info;
    if (kind === 'generation' && causal) return;
    throw new HeddleError(
      'unsupported_by_model',
      `This model can not ${what}: it is ${kindTexts[kind].name}.`,
    );
  }

  /** The sequences of a request: the first computes the prompt, the others wait to share it. */
  #createChoices(request: GenerateRequest, lane: number, prompt: readonly Token[]): Choice[] {
    const seed = request.sampling.seed ?? randomSeed();
    const boundaries =
      this.#cache === undefined ? [] : promptBoundaries(this.#runner, request.prompt, prompt);
    const choices: Choice[] = [];
    try {
      for (let index = 0; index < request.choices; index++) {
        const [leader, id] = [choices[0]?.sequence, this.#nextSequenceId++];
        const sequence = createSequence(id, prompt, {
          leader,
          standing: standingOf(request),
          scope: request.cache.use ? request.cache.salt : undefined,
          boundaries,
        });
        const { controlTokens = [], stop } = request;
        const { ignoreEos } = stop;
        const guide =
          request.grammar && this.#guides.guide(request.grammar, { ignoreEnd: ignoreEos, controlTokens });
        const options = { seed: (seed + index) >>> 0, prompt, ignoreEos };
        const sampler = this.#runner.createSampler(request.sampling, options);
        choices.push(new Choice({ request, lane, index, sequence, sampler, guide }));
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
        const work = this.#work.get(sequenceId);
        return { requestId: work?.requestId ?? '', choice: work?.index ?? 0, count: tokens.length };
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
      const lane = this.#work.get(sequenceId)?.lane;
      if (lane !== undefined) rowsByLane.set(lane, (rowsByLane.get(lane) ?? 0) + tokens.length);
    }
    const needed = this.#runner.info.canCut ? batch.rows / 2 : batch.rows - 1;
    for (const [lane, rows] of rowsByLane) if (rows > needed) return lane;
    return undefined;
  }

  #takeResults(batch: Batch): void {
    this.#owesStep = false;
    this.#scheduler.advance(batch);
    let firstRow = 0;
    for (const span of batch.spans) {
      const work = this.#work.get(span.sequenceId);
      if (work !== undefined) this.#lanes.takeSnapshot(work.sequence, isOnlyChoice(work));
      if (work instanceof Choice) {
        this.#attemptToDraw(work, () => {
          if (span.drafts !== undefined) this.#verify(work, span, firstRow);
          else if (span.output) this.#sample(work, span.slot, firstRow + span.tokens.length - 1);
        });
      } else if (work !== undefined) {
        this.#attempt(work.requestId, () => this.#measure(work, span, firstRow));
      }
      firstRow += span.tokens.length;
    }
  }

  /** Requests that wait for their grammars are queued once the vocabulary was read. */
  #prepareGuides(): void {
    if (this.#unguided.size === 0) return;
    if (!this.#guides.prepare(this.#scheduler.idle ? idleReading : busyReading)) return;
    for (const [id, { request, lane }] of this.#unguided) {
      this.#unguided.delete(id);
      this.generate(request, lane);
    }
  }

  /** A grammar that can not be gone on with ends its own request; rows of drafts may be left in the cache then. */
  #attemptToDraw(choice: Choice, draw: () => void): void {
    try {
      draw();
    } catch (error) {
      if (choice.guide === undefined) throw error;
      this.#fail(choice.requestId, error, { keep: false });
    }
  }

  #sample(choice: Choice, slot: number, row: number): void {
    const followers = choice.request.choices > 1 ? this.#shareWithFollowers(choice.sequence, slot) : [];
    for (const drawing of [choice, ...followers]) this.#drawToken(drawing, row);
  }

  #measure(work: Measurement, span: BatchSpan, firstRow: number): void {
    const update = work.read(span, firstRow, this.#runner);
    if (update === undefined) return;
    this.#updates.push(update);
    if (update.kind === 'likelihoods') return;
    this.#end(work);
    const inputs = this.#inputs.get(work.requestId);
    if (inputs !== undefined) this.#addInput(work.requestId, inputs);
  }

  /** The prompt of a request with several choices is computed once; the others take it over here. */
  #shareWithFollowers(leader: Sequence, leaderSlot: number): Choice[] {
    const followers: Choice[] = [];
    for (const sequence of this.#scheduler.followers(leader)) {
      const choice = this.#work.get(sequence.id);
      if (!(choice instanceof Choice) || sequence.slot === undefined) continue;
      this.#lanes.share(leaderSlot, sequence.slot, leader.promptLength);
      this.#scheduler.share(sequence);
      followers.push(choice);
    }
    return followers;
  }

  #drawToken(choice: Choice, row: number): void {
    const { update } = this.#draw(choice, row);
    if (update === undefined) return;
    this.#updates.push(update);
    if (update.finish !== undefined) this.#end(choice);
  }

  #draw(choice: Choice, row: number): { token: Token; update: ChoiceUpdate | undefined } {
    const next = choice.next(row, this.#runner);
    this.#scheduler.append(choice.sequence, next.token);
    return next;
  }

  /**
   * Draws tokens as without drafts, each from the row of the token before it, for as long as those are the drafted ones.
   * What was computed beyond leaves the cache before anything else may happen to the sequence.
   */
  #verify(choice: Choice, span: BatchSpan, firstRow: number): void {
    const { sequence } = choice;
    const drafts = span.tokens.slice(firstOutput(span) + 1);
    const updates: ChoiceUpdate[] = [];
    let accepted = 0;
    for (;;) {
      const { token, update } = this.#draw(choice, firstRow + firstOutput(span) + accepted);
      if (update !== undefined) updates.push(update);
      if (update?.finish !== undefined || token !== drafts[accepted]) break;
      this.#scheduler.confirm(sequence);
      accepted++;
    }
    this.#speculator?.verified(sequence.id, drafts.length, accepted);
    if (accepted < drafts.length && !this.#runner.removeCells(span.slot, sequence.computed, -1))
      throw new HeddleError(
        'native_call_failed',
        'The rows of drafts could not be removed from the KV cache.',
      );
    const update = inOne(updates);
    if (update === undefined) return;
    this.#updates.push(update);
    if (update.finish !== undefined) this.#end(choice);
  }

  #drafting(): Drafting | undefined {
    const speculator = this.#speculator;
    if (speculator === undefined || this.#plainSteps-- > 0) return undefined;
    this.#plainSteps = 0;
    speculator.stepBegins();
    const most = ({ id }: Sequence): number => {
      const work = this.#work.get(id);
      return work instanceof Choice ? work.remaining(this.#runner.info.contextSize) - 1 : 0;
    };
    return { draft: (sequences, room) => speculator.draft(sequences, room, most) };
  }

  #stepEnded(batch: Batch, milliseconds: number): void {
    this.#scheduler.measured(batch, milliseconds);
    const generatesOnly = batch.spans.every(({ tokens, drafts = 0 }) => tokens.length - drafts === 1);
    this.#speculator?.stepEnded(generatesOnly ? milliseconds : undefined);
  }

  /** Brings the cache back to what the sequences know to be there; their rows are scheduled again. */
  #recover(batch: Batch, outcome: 'aborted' | 'no-cells'): void {
    for (const { sequenceId, slot, start } of batch.spans) {
      const sequence = this.#work.get(sequenceId)?.sequence;
      if (sequence === undefined || this.#runner.removeCells(slot, start, -1)) continue;
      this.#lanes.empty(slot);
      this.#scheduler.restart(sequence);
    }
    if (outcome === 'aborted') {
      const lanes = new Set(batch.spans.map(({ sequenceId }) => this.#work.get(sequenceId)?.lane));
      this.#owesStep = lanes.size > 1;
      return;
    }
    if (batch.spans.some(({ drafts }) => drafts !== undefined)) this.#plainSteps = stepsWithoutDrafts;
    else if (this.#scheduler.running.length > 1 || this.#scheduler.residents.size > 0)
      this.#scheduler.refused();
    else {
      this.#failRunning(
        new HeddleError('native_call_failed', `The KV cache has no room for a batch of ${batch.rows} rows.`),
      );
    }
  }

  #fail(requestId: string, error: unknown, kept: { keep: boolean } = { keep: true }): void {
    this.#unguided.delete(requestId);
    for (const work of this.#work.values()) if (work.requestId === requestId) this.#end(work, kept);
    this.#inputs.delete(requestId);
    this.#updates.push({ kind: 'failed', requestId, error: toErrorData(error) });
  }

  /**
   * What the slots hold is not to be trusted after a failure of the library, so none of it is kept. Requests that wait
   * in the queue are served all the same.
   */
  #failRunning(error: unknown): void {
    const running = this.#scheduler.running.map(({ id }) => this.#work.get(id)?.requestId);
    for (const requestId of new Set(running))
      if (requestId !== undefined) this.#fail(requestId, error, { keep: false });
  }

  #failAll(error: unknown): void {
    const working = [...this.#work.values()].map(({ requestId }) => requestId);
    const requests = new Set([...working, ...this.#unguided.keys()]);
    for (const requestId of requests) this.#fail(requestId, error);
  }

  /**
   * An embed request has ended with the last of its inputs: while others wait, there is always one at work.
   * @param kept whether what was computed may stay in the cache
   */
  #end(work: Choice | Measurement, kept: { keep: boolean } = { keep: true }): void {
    const { slot, id } = work.sequence;
    this.#letGo(id);
    this.#scheduler.remove(work.sequence, kept);
    this.#lanes.left(work.sequence, slot);
    work.dispose();
    this.#speculator?.forget(id);
    this.#work.delete(work.sequence.id);
  }

  /** A sequence has a lane: once the cache has given what it has, its client knows that its turn has come. */
  #begin(sequence: Sequence): void {
    const { id } = sequence;
    const work = this.#work.get(id);
    if (!this.#lanes.restore(sequence)) return;
    this.#letGo(id);
    if (!(work instanceof Choice) || work.index > 0 || this.#begun.has(work)) return;
    this.#begun.add(work);
    const cachedTokens = Math.min(sequence.computed, sequence.promptLength);
    this.#updates.push({ kind: 'started', requestId: work.requestId, cachedTokens });
  }

  #letGo(sequenceId: number): void {
    this.#fetched.get(sequenceId)?.();
    this.#fetched.delete(sequenceId);
  }
}

const nothing = { host: 0, disk: 0 } as const;

function isOnlyChoice(work: Choice | Measurement): boolean {
  return work instanceof Choice && work.request.choices === 1;
}

const largerContext = 'Shorten it, or serve the model with a larger --ctx.';

function randomSeed(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0] ?? 0;
}
