import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import type { RunnerModule } from '../core/model-runner.js';
import { AbortBoard } from './abort-board.js';
import { EngineHost, type HostPort } from './engine-host.js';
import type { EngineCommand } from './protocol.js';

/*
 * Entry of the engine thread: a worker that loads a model, runs it and tears it down, and then ends by itself. Its
 * inbox is read synchronously between steps; only when there is nothing to compute does it wait on the event loop.
 */

/** What the thread is started with. */
export interface EngineThreadData {
  readonly board: SharedArrayBuffer;
  readonly libraryLock: SharedArrayBuffer;
  /** URL of a module that is a `RunnerModule`. */
  readonly runnerModule: string;
}

async function main(port: NonNullable<typeof parentPort>, data: EngineThreadData): Promise<void> {
  const runner = (await import(data.runnerModule)) as RunnerModule;
  const inbox: EngineCommand[] = [];
  let wake: (() => void) | undefined;
  port.on('message', (command: EngineCommand) => {
    inbox.push(command);
    wake?.();
  });
  const hostPort: HostPort = {
    receive() {
      const next = inbox.shift();
      if (next !== undefined) return next;
      const received = receiveMessageOnPort(port);
      return received === undefined ? undefined : (received.message as EngineCommand);
    },
    async arrival() {
      if (inbox.length === 0) await new Promise<void>((resolve) => (wake = resolve));
      wake = undefined;
    },
    post: (event) => port.postMessage(event),
  };
  const host = new EngineHost(hostPort, {
    runner,
    board: new AbortBoard(data.board),
    libraryLock: new Int32Array(data.libraryLock),
  });
  await host.run();
  port.close();
}

if (parentPort !== null) await main(parentPort, workerData as EngineThreadData);
