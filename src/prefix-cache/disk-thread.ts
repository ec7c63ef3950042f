import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { DiskHost, type DiskPort } from './disk-host.js';
import type { DiskCommand } from './disk-messages.js';
import { DiskTier, type DiskTierOptions } from './disk-tier.js';

/*
 * Entry of the disk thread: a worker that reads and writes the files of the prefix cache for one engine, with calls
 * that block, and ends by itself when it is closed.
 */

/** What the thread is started with. */
export type DiskThreadData = DiskTierOptions;

async function main(port: NonNullable<typeof parentPort>, options: DiskThreadData): Promise<void> {
  const inbox: DiskCommand[] = [];
  let wake: (() => void) | undefined;
  port.on('message', (command: DiskCommand) => {
    inbox.push(command);
    wake?.();
  });
  const diskPort: DiskPort = {
    receive() {
      const next = inbox.shift();
      if (next !== undefined) return next;
      const received = receiveMessageOnPort(port);
      return received === undefined ? undefined : (received.message as DiskCommand);
    },
    async arrival() {
      if (inbox.length === 0) await new Promise<void>((resolve) => (wake = resolve));
      wake = undefined;
    },
    post: (event) => port.postMessage(event),
  };
  await new DiskHost(diskPort, new DiskTier(options)).run();
  port.close();
}

if (parentPort !== null) await main(parentPort, workerData as DiskThreadData);
