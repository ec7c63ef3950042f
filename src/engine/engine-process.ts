import { writeSync } from 'node:fs';
import { Socket } from 'node:net';
import { isProcessRequest } from './message-check.js';
import { PipeChannel } from './pipe-channel.js';
import { noticePipe, requestPipe, type ProcessNotice, type ProcessRequest } from './process-messages.js';
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
  const pipes = {
    input: new Socket({ fd: requestPipe, readable: true, writable: false }),
    output: new Socket({ fd: noticePipe, readable: false, writable: true }),
  };
  const options = { limit: Infinity, isMessage: isProcessRequest };
  const channel = new PipeChannel<ProcessRequest, ProcessNotice>(pipes, options, {
    onMessage: handle,
    onEnd() {
      transport?.aborts.cancelLoad();
      transport?.post({ type: 'close', call: 0 });
      transport?.aborts.cancelAll();
      // Nobody is left to hear of it: a thread that does not end is killed with the process.
      setTimeout(end, orphanDeadline).unref();
    },
    onUnreadable(reason) {
      writeSync(process.stderr.fd, `The gateway's messages were unreadable (${reason}).\n`);
      end();
    },
  });

  // A terminal and a service manager signal the whole group; only the gateway decides when an engine ends.
  process.on('SIGINT', () => {});
  process.on('SIGTERM', () => {});
  process.on('SIGHUP', () => {});

  function handle(request: ProcessRequest): void {
    switch (request.kind) {
      case 'start':
        transport = new ThreadTransport(request);
        transport.start({
          onEvent: (event) => channel.send({ kind: 'event', event }),
          onExit: (error) => {
            channel.send({ kind: 'gone', error });
            process.exitCode = error === undefined ? 0 : 1;
            channel.end();
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
  }
}

/** At once, whatever the engine thread does. */
function end(): void {
  process.kill(process.pid, 'SIGKILL');
}

main();
