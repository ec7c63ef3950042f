import { setImmediate as eventLoopTurn } from 'node:timers/promises';
import type { OpenRunner } from '../core/model-runner.js';
import type { ErrorData } from '../core/errors.js';
import { AbortBoard } from '../engine/abort-board.js';
import { EngineHost } from '../engine/engine-host.js';
import type { EngineCommand, EngineEvent } from '../engine/protocol.js';
import type { EngineTransport, TransportListener } from '../engine/transport.js';
import { openRunner, predictMemory } from './fake-runner.js';
import { StepGate } from './step-gate.js';

/**
 * An engine on the caller's own thread. Messages are copied as between threads, and the event loop gets its turn
 * before every step, so that a gateway on the same thread sees what the step before it did.
 */
export class InMemoryTransport implements EngineTransport {
  readonly aborts = new AbortBoard();
  readonly hostBytes = 0;
  /** Holds the engine between steps. */
  readonly gate: StepGate;
  readonly #open: OpenRunner;
  readonly #inbox: EngineCommand[] = [];
  #wake: (() => void) | undefined;
  #listener: TransportListener | undefined;

  /**
   * @param options.open the runner to load; the fake one when absent
   * @param options.gate one that other engines share; one of its own when absent
   */
  constructor(options: { open?: OpenRunner; gate?: StepGate } = {}) {
    this.#open = options.open ?? openRunner;
    this.gate = options.gate ?? new StepGate();
  }

  /** The host was started and has not gone. */
  get running(): boolean {
    return this.#listener !== undefined;
  }

  start(listener: TransportListener): void {
    this.#listener = listener;
    const host = new EngineHost(
      {
        receive: () => this.#inbox.shift(),
        arrival: async () => this.#arrival(),
        post: (event) => this.#deliver(event),
        beforeStep: async () => {
          await eventLoopTurn();
          await this.gate.pass();
        },
      },
      {
        runner: { openRunner: this.#open, predictMemory },
        board: this.aborts,
        libraryLock: new Int32Array(new SharedArrayBuffer(4)),
      },
    );
    void host.run().then(
      () => this.#end(),
      (error: unknown) => this.crash(String(error)),
    );
  }

  post(command: EngineCommand): void {
    if (this.#listener === undefined) return;
    this.#inbox.push(structuredClone(command));
    this.#wake?.();
  }

  /** The gateway loses the host, as when its thread or process dies. */
  crash(why = 'crashed by a test'): void {
    this.#end({
      code: 'engine_crashed',
      message: `The engine ended unexpectedly (${why}). Send the request again.`,
      retryable: true,
    });
    // The code of the host is still there, on this thread: it leaves by itself, unheard.
    this.#inbox.splice(0, Infinity, { type: 'close', call: 0 });
    this.#wake?.();
  }

  async #arrival(): Promise<void> {
    if (this.#inbox.length === 0) await new Promise<void>((resolve) => (this.#wake = resolve));
    this.#wake = undefined;
  }

  /** In a later turn, as messages arrive, and in order. */
  #deliver(event: EngineEvent): void {
    const copy = structuredClone(event);
    queueMicrotask(() => this.#listener?.onEvent(copy));
  }

  #end(error?: ErrorData): void {
    queueMicrotask(() => {
      const listener = this.#listener;
      this.#listener = undefined;
      listener?.onExit(error);
    });
  }
}
