import { Worker } from 'node:worker_threads';
import { AbortBoard } from '../../dist/engine/abort-board.js';
import { Engine } from '../../dist/engine/engine.js';
import type { TransportListener } from '../../dist/engine/transport.js';
import type { InTurnThreadData, ModelCommand, ModelEvent } from './in-turn-thread.js';
import type { TurnTaking } from './turns.js';

/**
 * Engines that share one thread, on which their models' work is done strictly in turn: the design that a thread for each
 * model replaces. All else is heddle's own: engine, scheduler, messages, native library. The thread ends when all of them
 * are closed.
 */
export function createInTurnEngines(count: number, taking: TurnTaking, slots: number): Engine[] {
  const boards = Array.from({ length: count }, () => new AbortBoard());
  const listeners: (TransportListener | undefined)[] = boards.map(() => undefined);
  const workerData: InTurnThreadData = {
    boards: boards.map(({ buffer }) => buffer),
    libraryLock: new SharedArrayBuffer(4),
    taking,
    slots,
  };
  const worker = new Worker(new URL('in-turn-thread.js', import.meta.url), { workerData });
  const end = (model: number, message?: string): void => {
    const listener = listeners[model];
    listeners[model] = undefined;
    listener?.onExit(
      message === undefined ? undefined : { code: 'engine_crashed', message, retryable: true },
    );
  };
  worker.on('message', ({ model, event }: ModelEvent) => {
    if (event === undefined) end(model);
    else listeners[model]?.onEvent(event);
  });
  let failure = 'The executor thread ended.';
  worker.on('error', (error: Error) => (failure = String(error.stack)));
  worker.on('exit', () => listeners.forEach((_, model) => end(model, failure)));
  return boards.map(
    (aborts, model) =>
      new Engine({
        aborts,
        hostBytes: 0,
        start: (listener) => (listeners[model] = listener),
        post: (command) => worker.postMessage({ model, command } satisfies ModelCommand),
      }),
  );
}
