import type { AddressInfo } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { pino } from 'pino';
import { HeddleError } from '../core/errors.js';
import { createServer } from '../http/server.js';
import { Metrics } from '../metrics/metrics.js';
import { CompositeObserver } from '../pool/composite-observer.js';
import type { EnginePool } from '../pool/engine-pool.js';
import { banner } from './banner.js';
import { ConsoleObserver } from './console-observer.js';
import { createPool, type Isolation } from './create-pool.js';
import { fatalError } from './fatal-error.js';
import { modelDirectories, type ModelOptions } from './options.js';

/** Options of `heddle serve`. */
export interface ServeOptions extends ModelOptions {
  readonly isolation: Isolation;
  readonly host: string;
  readonly port: number;
  /** Seconds. */
  readonly grace: number;
  readonly logLevel: string;
}

/** `heddle serve`: runs until a stop signal, or an error that nobody caught. docs/operations.md lists its exit codes. */
export async function serve(options: ServeOptions): Promise<void> {
  const log = pino({ name: 'heddle', level: options.logLevel, base: null }, pino.destination(2));
  const metrics = new Metrics();
  const observer = new CompositeObserver(new ConsoleObserver(process.stdout), metrics.observer);
  const pool = createPool(modelDirectories(options), options, observer, log);
  const stopped = stopSignal();
  const failed = fatalError(log);
  const models = await pool.catalogue.scan();
  const server = createServer({ pool, log, metrics });
  await listen(server, options);
  const { port } = server.server.address() as AddressInfo;
  process.stdout.write(
    banner({
      host: options.host,
      port,
      models: models.map(({ id }) => id),
      directories: pool.catalogue.directories,
    }),
  );
  const asked = await Promise.race([stopped.then(() => true), failed.then(() => false)]);
  try {
    await shutDown(server, pool, asked ? options.grace : 0);
  } catch (error) {
    if (asked) throw error;
    log.fatal({ err: error }, 'the server could not stop in order');
  }
  if (!asked) process.exit(); // what the error has left behind must not keep the process
}

async function listen(server: FastifyInstance, { host, port }: ServeOptions): Promise<void> {
  try {
    await server.listen({ host, port });
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code === 'EADDRINUSE' ? 'it is in use' : String(error);
    throw new HeddleError(
      'listen_failed',
      `Can not listen on ${host}:${port}: ${reason}. Choose another --port.`,
      {
        cause: error,
      },
    );
  }
}

/** Resolves at the first stop signal; from then on another one forces the process to end. */
async function stopSignal(): Promise<void> {
  const signals = ['SIGINT', 'SIGTERM'] as const;
  await new Promise<void>((resolve) => {
    let stopping = false;
    for (const signal of signals) {
      process.on(signal, () => {
        if (stopping) process.exit(1);
        stopping = true;
        resolve();
      });
    }
  });
}

/** Takes no new requests, lets running ones go on for a while, ends the rest with a terminal event, frees the models. */
async function shutDown(server: FastifyInstance, pool: EnginePool, grace: number): Promise<void> {
  process.stdout.write('\nstopping; another Ctrl-C forces it\n');
  const deadline = Date.now() + grace * 1000;
  const stopped = server.close();
  await pool.close(grace * 1000);
  // Every answer is written by now; clients have the rest of the time, or a second, to read theirs.
  const rest = Math.max(1000, deadline - Date.now());
  const timer = setTimeout(() => server.server.closeAllConnections(), rest);
  await stopped;
  clearTimeout(timer);
}
