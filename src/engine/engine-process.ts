import type { ProcessNotice, ProcessRequest } from './process-messages.js';
import { ThreadTransport } from './thread-transport.js';

/*
 * Entry of an engine process: it supervises one engine thread, the same as in a thread host, and passes messages on.
 * Its main thread never computes, so that a cancel reaches the abort board at once. It ends with its engine, and with
 * its parent.
 */

/** How long the engine thread may take to end when the parent has gone, milliseconds. */
const orphanDeadline = 2000;

function main(): void {
  let transport: ThreadTransport | undefined;
  const notify = (notice: ProcessNotice): void => {
    if (process.connected) process.send?.(notice);
  };

  // A terminal and a service manager signal the whole group; only the gateway decides when an engine ends.
  process.on('SIGINT', () => {});
  process.on('SIGTERM', () => {});
  process.on('SIGHUP', () => {});

  process.on('message', (request: ProcessRequest) => {
    switch (request.kind) {
      case 'start':
        transport = new ThreadTransport(request);
        transport.start({
          onEvent: (event) => notify({ kind: 'event', event }),
          onExit: (error) => {
            notify({ kind: 'gone', error });
            process.exitCode = error === undefined ? 0 : 1;
            if (process.connected) process.disconnect();
          },
        });
        return;
      case 'command':
        transport?.post(request.command);
        return;
      case 'open-lane':
        transport?.aborts.openLane(request.lane);
        return;
      case 'cancel':
        transport?.aborts.cancel(request.lane);
        return;
      case 'cancel-all':
        transport?.aborts.cancelAll();
        return;
      case 'cancel-load':
        transport?.aborts.cancelLoad();
        return;
    }
  });

  process.on('disconnect', () => {
    transport?.aborts.cancelLoad();
    transport?.post({ type: 'close', call: 0 });
    transport?.aborts.cancelAll();
    // Nobody is left to hear of it: a thread that does not end is killed with the process.
    setTimeout(() => process.kill(process.pid, 'SIGKILL'), orphanDeadline).unref();
  });
}

main();
