import type { Logger } from 'pino';

/**
 * Resolves at the first error that nobody caught, a promise's included. It and every later one are logged with their
 * stack, whatever the log level, and make the exit code 1. The server then stops in order, as far as it still can: an
 * engine thread that is freed by itself is better off than one that ends with the process.
 */
export async function fatalError(log: Logger): Promise<void> {
  const always = log.child({}, { level: 'fatal' });
  await new Promise<void>((resolve) => {
    // A rejection that nobody handles comes here too: that is Node's default.
    process.on('uncaughtException', (error, origin) => {
      always.fatal({ err: error, origin }, 'an error that nobody caught; the server stops');
      process.exitCode = 1;
      resolve();
    });
  });
}
