import type { AddressInfo } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { pino, type Logger } from 'pino';
import { unknownModels } from '../config/unknown-models.js';
import type { Settings } from '../config/settings.js';
import { HeddleError } from '../core/errors.js';
import { isLoopback } from '../core/loopback.js';
import { createServer } from '../http/server.js';
import { Metrics } from '../metrics/metrics.js';
import { CompositeObserver } from '../pool/composite-observer.js';
import type { EnginePool } from '../pool/engine-pool.js';
import { banner } from './banner.js';
import { ConsoleObserver } from './console-observer.js';
import { createPool } from './create-pool.js';
import { fatalError } from './fatal-error.js';
import { onHangup } from './hangup.js';
import { configFile, toOverrides, type ServeOptions } from './options.js';
import { ServerSettings } from './server-settings.js';

/**
 * `heddle serve`: runs until a stop signal, or an error that nobody caught; SIGHUP reads the configuration file again.
 * docs/operations.md lists its exit codes.
 */
export async function serve(options: ServeOptions): Promise<void> {
  const file = configFile(options);
  const settings = await ServerSettings.read(file, toOverrides(options), { keys: true });
  const { host, logLevel } = settings.current;
  // Written at once: what is said last is what tells why the server ended.
  const destination = pino.destination({ dest: 2, sync: true });
  const log = pino({ name: 'heddle', level: logLevel, base: null }, destination);
  const metrics = new Metrics();
  const observer = new CompositeObserver(new ConsoleObserver(process.stdout), metrics.observer);
  const pool = createPool(() => settings.current, observer, log);
  const warn = (ids: readonly string[]): void => {
    for (const warning of unknownModels(settings.current.pool, ids)) log.warn({ file }, warning);
  };
  const apply = async (changed: Settings): Promise<void> => {
    log.level = changed.logLevel;
    pool.configure(changed.pool);
    const models = await pool.catalogue.lookIn(changed.modelDirectories);
    warn(models.map(({ id }) => id));
    process.stdout.write(file === undefined ? 'looked for models again\n' : `read ${file} again\n`);
  };
  const stopped = stopSignal();
  const failed = fatalError(log);
  onHangup(
    () => void settings.reload(apply, log),
    () => process.emit('SIGTERM'),
  );
  const models = (await pool.catalogue.scan()).map(({ id }) => id);
  const server = createServer({
    pool,
    log,
    metrics,
    access: () => settings.access,
    responses: () => settings.current.responses,
  });
  await listen(server, settings.current);
  const { port } = server.server.address() as AddressInfo;
  const asksForKey = settings.access.keys.some(({ admin }) => !admin);
  process.stdout.write(banner({ host, port, models, directories: pool.catalogue.directories, asksForKey }));
  if (!asksForKey && !isLoopback(host))
    log.warn({ host }, 'Anybody who can reach this address may use the server and unload its models.');
  warn(models);
  const preloaded = pool.preload(({ id }, { code, message }) => {
    log.error({ model: id, code }, `The model ${id} could not be loaded at the start: ${message}`);
  });
  const asked = await Promise.race([stopped.then(() => true), failed.then(() => false)]);
  try {
    await shutDown(server, pool, asked ? settings.current.grace : 0);
    await preloaded;
  } catch (error) {
    if (asked) throw error;
    log.fatal({ err: error }, 'the server could not stop in order');
  }
  if (pool.ledger.some(({ state }) => state === 'quarantined')) endDespiteThreads(log);
  if (!asked) process.exit(); // what the error has left behind must not keep the process
}

/** `process.exit` waits for every thread, and one that is stuck in the native library never ends. */
function endDespiteThreads(log: Logger): void {
  log.fatal('the thread of an engine did not end; the server ends itself by SIGKILL');
  process.kill(process.pid, 'SIGKILL');
}

async function listen(server: FastifyInstance, { host, port }: Settings): Promise<void> {
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

/**
 * Takes no new requests, lets running ones go on for a while, ends the rest with a terminal event, frees the models.
 * @param grace milliseconds
 */
async function shutDown(server: FastifyInstance, pool: EnginePool, grace: number): Promise<void> {
  process.stdout.write('\nstopping; another Ctrl-C forces it\n');
  const deadline = Date.now() + grace;
  const stopped = server.close();
  await pool.close(grace);
  // Every answer is written by now; clients have the rest of the time, or a second, to read theirs.
  const rest = Math.max(1000, deadline - Date.now());
  const timer = setTimeout(() => server.server.closeAllConnections(), rest);
  await stopped;
  clearTimeout(timer);
}
