import { fork, type ChildProcess } from 'node:child_process';
import { createRequire } from 'node:module';
import type { ErrorData } from '../core/errors.js';
import { hostBytes } from '../core/memory.js';
import type { Aborts } from './abort-board.js';
import { LastLines } from './last-lines.js';
import type { ProcessNotice, ProcessRequest } from './process-messages.js';
import type { EngineCommand } from './protocol.js';
import type { EngineTransport, TransportListener } from './transport.js';

const require = createRequire(import.meta.url);

/** An engine in a child process: what kills it kills no other engine, and not the gateway. */
export class ProcessTransport implements EngineTransport {
  readonly hostBytes = hostBytes.process;
  readonly aborts: Aborts = {
    openLane: (lane) => this.#send({ kind: 'open-lane', lane }),
    cancel: (lane) => this.#send({ kind: 'cancel', lane }),
    cancelAll: () => this.#send({ kind: 'cancel-all' }),
    cancelLoad: () => this.#send({ kind: 'cancel-load' }),
  };
  readonly #name: string;
  readonly #runnerModule: string | undefined;
  #child: ChildProcess | undefined;
  #stderr: LastLines | undefined;

  /**
   * @param options.name for debuggers: the model's id
   * @param options.runnerModule URL of a `RunnerModule`; the llama.cpp runner when absent
   */
  constructor(options: { name: string; runnerModule?: string }) {
    this.#name = options.name;
    this.#runnerModule = options.runnerModule;
  }

  /** The child's process id, while it runs. */
  get processId(): number | undefined {
    return this.#child?.pid;
  }

  get lastWords(): string {
    return this.#stderr?.text ?? '';
  }

  start(listener: TransportListener): void {
    const child = fork(require.resolve('#engine-process'), {
      serialization: 'advanced',
      execArgv: [],
      env: { ...process.env, HEDDLE_NATIVE_LOG: 'stderr' },
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    this.#child = child;
    this.#stderr = new LastLines(child.stderr);
    let goneNotice: Extract<ProcessNotice, { kind: 'gone' }> | undefined;
    child.on('message', (notice: ProcessNotice) => {
      if (notice.kind === 'event') listener.onEvent(notice.event);
      else goneNotice = notice;
    });
    // The process has ended, its output is read to the end, and every message of it was delivered.
    const ended = new Promise<string>((resolve) => {
      child.once('error', (error) => resolve(error.message));
      child.once('close', (status, signal) => resolve(signal ?? `status ${status}`));
    });
    const disconnected = new Promise<void>((resolve) => {
      child.once('error', () => resolve());
      child.once('disconnect', () => {
        // It has lost its channel and does not know: nothing else would end it, or those who wait for it.
        if (goneNotice === undefined) child.kill('SIGKILL');
        resolve();
      });
    });
    void Promise.all([ended, disconnected]).then(([how]) => {
      this.#child = undefined;
      listener.onExit(goneNotice === undefined ? crash(how) : goneNotice.error);
    });
    this.#send({ kind: 'start', name: this.#name, runnerModule: this.#runnerModule });
  }

  post(command: EngineCommand): void {
    this.#send({ kind: 'command', command });
  }

  destroy(): void {
    this.#child?.kill('SIGKILL');
  }

  /** A message to a child that is dying is lost, as it should be; `onExit` says the rest. */
  #send(request: ProcessRequest): void {
    if (this.#child?.connected === true) this.#child.send(request, () => {});
  }
}

function crash(how: string): ErrorData {
  return {
    code: 'engine_crashed',
    message: `The engine process ended unexpectedly (${how}). Send the request again.`,
    retryable: true,
  };
}
