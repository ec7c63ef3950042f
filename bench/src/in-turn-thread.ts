/* The one thread of an in-turn executor: all of its models are loaded, computed and freed here. */
import { setImmediate as eventLoopTurn } from 'node:timers/promises';
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { AbortBoard } from '../../dist/engine/abort-board.js';
import { EngineHost, type HostPort } from '../../dist/engine/engine-host.js';
import type { EngineCommand, EngineEvent } from '../../dist/engine/protocol.js';
import * as runner from '../../dist/native/llama-runner.js';
import { Turns, type TurnTaking } from './turns.js';

export interface InTurnThreadData {
  /** An abort board for each model. */
  readonly boards: readonly SharedArrayBuffer[];
  readonly libraryLock: SharedArrayBuffer;
  readonly taking: TurnTaking;
  readonly slots: number;
}

/** To the thread. */
export interface ModelCommand {
  readonly model: number;
  readonly command: EngineCommand;
}

/** From the thread: an event, or the model's engine has ended. */
export interface ModelEvent {
  readonly model: number;
  readonly event: EngineEvent | undefined;
}

async function main(port: NonNullable<typeof parentPort>, data: InTurnThreadData): Promise<void> {
  const turns = new Turns(data.taking, data.slots);
  const inboxes: EngineCommand[][] = data.boards.map(() => []);
  const wakers: (() => void)[] = [];
  const wake = (): void => {
    for (const resolve of wakers.splice(0)) resolve();
  };
  const accept = ({ model, command }: ModelCommand): void => {
    if (command.type === 'generate') turns.add(model, command);
    else inboxes[model]?.push(command);
    wake();
  };
  port.on('message', accept);

  const portOf = (model: number): HostPort => ({
    receive() {
      for (let next = receiveMessageOnPort(port); next !== undefined; next = receiveMessageOnPort(port)) {
        accept(next.message as ModelCommand);
      }
      return inboxes[model]?.shift() ?? turns.take(model);
    },
    async arrival() {
      if (inboxes[model]?.length === 0 && !turns.ready(model)) {
        await new Promise<void>((resolve) => wakers.push(resolve));
      }
    },
    post(event) {
      port.postMessage({ model, event } satisfies ModelEvent);
      if (event.type !== 'step') return;
      for (const update of event.updates) {
        if (update.kind === 'failed' || (update.kind === 'choice' && update.finish !== undefined))
          turns.ended();
      }
      wake();
    },
    // Lets the other models have their step; where only one model has requests at a time nothing must be waited for.
    ...(data.taking === 'step' ? { beforeStep: async () => eventLoopTurn() } : {}),
  });

  const libraryLock = new Int32Array(data.libraryLock);
  await Promise.all(
    data.boards.map(async (board, model) => {
      const host = new EngineHost(portOf(model), { runner, board: new AbortBoard(board), libraryLock });
      await host.run();
      port.postMessage({ model, event: undefined } satisfies ModelEvent);
    }),
  );
  port.close();
}

if (parentPort !== null) await main(parentPort, workerData as InTurnThreadData);
