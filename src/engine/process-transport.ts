import { spawn, type ChildProcess } from 'node:child_process';
import { createRequire } from 'node:module';
import type { Socket } from 'node:net';
import type { ErrorData } from '../core/errors.js';
import { hostBytes } from '../core/memory.js';
import type { Aborts } from './abort-board.js';
import { LastLines } from './last-lines.js';
import { isProcessNotice } from './message-check.js';
import { PipeChannel } from './pipe-channel.js';
import { noticePipe, requestPipe, type ProcessNotice, type ProcessRequest } from './process-messages.js';
import type { EngineCommand } from './protocol.js';
import type { EngineTransport, TransportListener } from './transport.js';

const require = createRequire(import.meta.url);

/** Bytes of one message from an engine process: more than the tokens of the longest text that HTTP lets in. */
const noticeLimit = 256 * 1024 * 1024;

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
  #channel: PipeChannel<ProcessNotice, ProcessRequest> | undefined;
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
    let child;
    try {
      child = startProcess();
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      setImmediate(() => listener.onExit(crash(`could not be started (${why})`)));
      return;
    }
    this.#child = child;
    this.#stderr = new LastLines(child.stderr);
    /** What became of the process, where its status does not tell. */
    let blame: string | undefined;
    let gone: Extract<ProcessNotice, { kind: 'gone' }> | undefined;
    const pipes = pipesOf(child);
    if (pipes !== undefined) {
      const options = { limit: noticeLimit, isMessage: isProcessNotice };
      this.#channel = new PipeChannel(pipes, options, {
        onMessage(notice) {
          if (notice.kind === 'event') listener.onEvent(notice.event);
          else gone = notice;
        },
        onEnd() {
          // A process that lost its channel and does not know would be waited for, for ever.
          if (gone === undefined || gone.error !== undefined) child.kill('SIGKILL');
        },
        onUnreadable(reason) {
          blame = `was killed, since its messages were unreadable (${reason})`;
          child.kill('SIGKILL');
        },
      });
    }
    child.on('error', (error) => {
      // Else a signal could not be sent.
      if (child.pid === undefined) blame = `could not be started (${error.message})`;
    });
    // The process has ended, or never was, and its pipes are read to the end: every message of it was delivered.
    child.once('close', (status, signal) => {
      this.#child = undefined;
      this.#channel = undefined;
      blame ??= `ended unexpectedly (${signal ?? `status ${status}`})`;
      listener.onExit(gone === undefined ? crash(blame) : gone.error);
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
    this.#channel?.send(request);
  }
}

function startProcess(): ChildProcess {
  return spawn(process.execPath, [require.resolve('#engine-process')], {
    env: { ...process.env, HEDDLE_NATIVE_LOG: 'stderr' },
    // "overlapped" is "pipe", but for Windows: there only such a pipe can be read without a thread that waits.
    stdio: ['ignore', 'ignore', 'pipe', 'overlapped', 'overlapped'],
  });
}

/** Undefined when the process could not be started. */
function pipesOf(child: ChildProcess): { input: Socket; output: Socket } | undefined {
  // Without a process there may be no list either.
  const stdio = child.stdio as ChildProcess['stdio'] | undefined;
  const input = stdio?.[noticePipe] as Socket | null | undefined;
  const output = stdio?.[requestPipe] as Socket | null | undefined;
  if (input == null || output == null) return undefined;
  output.resume(); // nothing ever comes but its end, which tells that the process has closed it
  return { input, output };
}

function crash(how: string): ErrorData {
  return {
    code: 'engine_crashed',
    message: `The engine process ${how}. Send the request again.`,
    retryable: true,
  };
}
