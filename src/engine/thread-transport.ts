import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import type { ErrorData } from '../core/errors.js';
import { hostBytes } from '../core/memory.js';
import { AbortBoard } from './abort-board.js';
import type { EngineThreadData } from './engine-thread.js';
import type { EngineCommand, EngineEvent } from './protocol.js';
import type { EngineTransport, TransportListener } from './transport.js';

const require = createRequire(import.meta.url);

/** One per process: the native library is loaded once, whichever engine thread comes first. */
let libraryLock: SharedArrayBuffer | undefined;

/** An engine on a worker thread of this process. */
export class ThreadTransport implements EngineTransport {
  readonly hostBytes = hostBytes.thread;
  readonly aborts = new AbortBoard();
  readonly #runnerModule: string;
  readonly #name: string;
  #worker: Worker | undefined;
  /** The thread was asked to end: only then is it no crash when it does. */
  #closing = false;

  /**
   * @param options.name for debuggers: the model's id
   * @param options.runnerModule URL of a `RunnerModule`; the llama.cpp runner when absent
   */
  constructor(options: { name: string; runnerModule?: string | undefined }) {
    this.#name = options.name;
    this.#runnerModule = options.runnerModule ?? pathToFileURL(require.resolve('#llama-runner')).href;
  }

  start(listener: TransportListener): void {
    libraryLock ??= new SharedArrayBuffer(4);
    const workerData: EngineThreadData = {
      board: this.aborts.buffer,
      libraryLock,
      runnerModule: this.#runnerModule,
    };
    const worker = new Worker(require.resolve('#engine-thread'), {
      workerData,
      name: `engine ${this.#name}`,
    });
    let failure: Error | undefined;
    worker.on('message', (event: EngineEvent) => listener.onEvent(event));
    worker.on('error', (error: Error) => (failure = error));
    worker.on('exit', (status) => {
      this.#worker = undefined;
      listener.onExit(
        this.#closing && status === 0 && failure === undefined ? undefined : crash(status, failure),
      );
    });
    this.#worker = worker;
  }

  post(command: EngineCommand): void {
    this.#closing ||= command.type === 'close';
    this.#worker?.postMessage(command);
  }
}

function crash(status: number, failure: Error | undefined): ErrorData {
  const why = failure === undefined ? `status ${status}` : failure.message;
  return {
    code: 'engine_crashed',
    message: `The engine thread ended unexpectedly (${why}). Send the request again.`,
    retryable: true,
  };
}
