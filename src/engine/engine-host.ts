import { setImmediate as eventLoopTurn } from 'node:timers/promises';
import { HeddleError, toErrorData } from '../core/errors.js';
import { defaultInterTokenTarget } from '../core/inter-token-target.js';
import type { LoadOptions, ModelInfo, RunnerModule } from '../core/model-runner.js';
import { createSpeculator } from '../speculation/create-speculator.js';
import type { AbortBoard } from './abort-board.js';
import type { BlockCache } from './block-cache.js';
import { EngineCore } from './engine-core.js';
import { openBlockCache } from './open-block-cache.js';
import type {
  CallCommand,
  CallResults,
  EngineCommand,
  EngineEvent,
  EngineReport,
  RequestCommand,
} from './protocol.js';

/** The engine's end of a transport. */
export interface HostPort {
  /** The next command that has arrived; undefined when there is none. Never waits. */
  receive(): EngineCommand | undefined;
  /** Waits for a command to arrive; resolves at once when {@link receive} would return one. */
  arrival(): Promise<void>;
  post(event: EngineEvent): void;
  /** Awaited before every step, where a transport shares its thread with others. */
  readonly beforeStep?: () => Promise<void>;
}

/** What a host brings to the engine that lives in it. */
export interface HostServices {
  readonly runner: RunnerModule;
  readonly board: AbortBoard;
  readonly libraryLock: Int32Array;
  /** For tests: another way to open the tiers below the KV cache. */
  readonly openCache?: typeof openBlockCache;
}

/** How long an engine that is unloaded may write prompts to the disk, milliseconds. */
const keepDeadline = 5_000;

/** A host that computes says at least so often that it does, as far as its steps let it; milliseconds. */
const aliveInterval = 500;

/**
 * The life of an engine, the same in every kind of host: commands in order, a step whenever there is work, one message
 * for each step. An error in a command goes to its caller as data, and the engine serves on.
 */
export class EngineHost {
  readonly #port: HostPort;
  readonly #services: HostServices;
  #core: EngineCore | undefined;
  #cache: BlockCache | undefined;
  #closed = false;
  #arrival: Promise<void> | undefined;
  /** When it was last posted what was computed, or that something was; milliseconds on the clock of `performance`. */
  #lastStepPost = 0;

  constructor(port: HostPort, services: HostServices) {
    this.#port = port;
    this.#services = services;
  }

  /**
   * Resolves after `close`, when everything native is freed.
   * @throws what no command can be told of; everything native is freed then too
   */
  async run(): Promise<void> {
    try {
      await this.#serve();
    } catch (error) {
      if (!this.#closed) this.#core?.close();
      await this.#cache?.store.close(0);
      throw error;
    }
  }

  async #serve(): Promise<void> {
    for (;;) {
      await this.#drainInbox();
      if (this.#closed) return;
      if (this.#core === undefined || this.#core.idle) {
        await this.#rest(this.#core);
        continue;
      }
      if (this.#port.beforeStep !== undefined) await this.#port.beforeStep();
      this.#core.step();
      this.#postUpdates();
      if (performance.now() - this.#lastStepPost > aliveInterval) this.#postStep({ type: 'alive' });
      if (this.#core.needsTurns) await eventLoopTurn();
    }
  }

  /** There is nothing to compute: what can be done in the background is done, a little at a time. */
  async #rest(core: EngineCore | undefined): Promise<void> {
    if (core?.tidy() === true) {
      await eventLoopTurn();
      return;
    }
    this.#arrival ??= this.#port.arrival().then(() => (this.#arrival = undefined));
    await Promise.race(core === undefined ? [this.#arrival] : [this.#arrival, core.fetched()]);
  }

  async #drainInbox(): Promise<void> {
    for (let command = this.#port.receive(); command !== undefined; command = this.#port.receive()) {
      // These may have to wait for a disk, which nobody else is to.
      if (command.type === 'probe') void this.#answer(command);
      else if (command.type === 'cache') void this.#answerLate(command);
      else if (isCall(command)) await this.#answer(command);
      else this.#handle(command);
      this.#postUpdates();
    }
  }

  /** As {@link #answer}, for what can take minutes: whoever waits hears that it goes on. */
  async #answerLate(command: CallCommand): Promise<void> {
    const { call } = command;
    const timer = setInterval(() => this.#post({ type: 'alive', call }), aliveInterval);
    try {
      await this.#answer(command);
    } finally {
      clearInterval(timer);
    }
  }

  async #answer(command: CallCommand): Promise<void> {
    const { call } = command;
    try {
      const value = await this.#result(command);
      this.#postUpdates();
      this.#post({ type: 'result', call, value });
    } catch (error) {
      this.#post({ type: 'refused', call, error: toErrorData(error) });
    }
  }

  async #result(command: CallCommand): Promise<CallResults[keyof CallResults]> {
    switch (command.type) {
      case 'load':
        return this.#load(command.options);
      case 'predict':
        return this.#services.runner.predictMemory(command.options, this.#services);
      case 'tokenize':
        return this.#loaded().tokenize(command.text, command);
      case 'spell':
        return this.#loaded().spell(command.tokens);
      case 'probe':
        return this.#loaded().probe(command.tokens, command.salt);
      case 'cache':
        return this.#loaded().promptCache(command.action);
      case 'inspect':
        return this.#loaded().inspect();
      case 'close':
        this.#closed = true;
        return this.#close();
    }
  }

  /** Requests end first: their clients need not wait for the disk. */
  async #close(): Promise<EngineReport | undefined> {
    this.#core?.endRequests();
    this.#postUpdates();
    await this.#core?.keepPrompts(keepDeadline);
    return this.#core?.close();
  }

  #handle(command: Exclude<EngineCommand, CallCommand>): void {
    switch (command.type) {
      case 'generate':
      case 'score':
      case 'embed':
      case 'rerank':
        this.#begin(command);
        return;
      case 'cancel':
        this.#core?.cancel(command.requestId);
        return;
      case 'set-threads':
        this.#core?.setThreads(command.threads);
        return;
    }
  }

  #begin(command: RequestCommand): void {
    if (this.#core === undefined) {
      const error = toErrorData(notLoaded());
      const failed = { kind: 'failed' as const, requestId: command.request.id, error };
      this.#post({ type: 'step', updates: [failed] });
      return;
    }
    switch (command.type) {
      case 'generate':
        this.#core.generate(command.request, command.lane);
        return;
      case 'score':
        this.#core.score(command.request, command.lane);
        return;
      case 'embed':
        this.#core.embed(command.request, command.lane);
        return;
      case 'rerank':
        this.#core.rerank(command.request, command.lane);
        return;
    }
  }

  async #load(options: LoadOptions): Promise<ModelInfo> {
    if (this.#core !== undefined) throw new HeddleError('internal_error', 'This engine has a model already.');
    const { board, libraryLock } = this.#services;
    let shown = -1;
    const runner = await this.#services.runner.openRunner(options, {
      abortFlag: board.flag,
      libraryLock,
      onProgress: (fraction) => {
        const percent = Math.floor(fraction * 100);
        if (percent > shown) this.#post({ type: 'loading', fraction });
        shown = percent;
        return !board.loadCancelled;
      },
    });
    const { threads, interTokenTarget = defaultInterTokenTarget, speculation = 'off' } = options;
    try {
      this.#cache = (this.#services.openCache ?? openBlockCache)(options, runner);
    } catch (error) {
      runner.dispose();
      throw error;
    }
    const speculator = createSpeculator(speculation);
    this.#core = new EngineCore(runner, board, { threads, interTokenTarget }, this.#cache, speculator);
    return runner.info;
  }

  #loaded(): EngineCore {
    if (this.#core !== undefined) return this.#core;
    throw notLoaded();
  }

  #post(event: EngineEvent): void {
    this.#port.post(event);
  }

  #postStep(event: EngineEvent): void {
    this.#lastStepPost = performance.now();
    this.#post(event);
  }

  #postUpdates(): void {
    const updates = this.#core?.takeUpdates() ?? [];
    if (updates.length > 0) this.#postStep({ type: 'step', updates });
  }
}

function notLoaded(): HeddleError {
  return new HeddleError('engine_closed', 'No model is loaded in this engine.');
}

function isCall(command: EngineCommand): command is CallCommand {
  return 'call' in command;
}
