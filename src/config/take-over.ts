import type { Settings } from './settings.js';

/** What a running server makes of settings that were read again. */
export interface TakenOver {
  readonly settings: Settings;
  /** Keys that were changed in the file, and that only a new start of the server can change. */
  readonly keptKeys: readonly string[];
}

/**
 * The new settings, but for those that can not change while a server runs: where it listens, how large a body may be,
 * where engines live when nothing else is said, and the compute threads that the thread pools of loaded engines were made
 * for.
 */
export function takeOver(running: Settings, read: Settings): TakenOver {
  const { host, port, isolation } = running;
  const { threads } = running.pool;
  const keptKeys = (['host', 'port', 'isolation'] as const).filter((key) => running[key] !== read[key]);
  const { threads: newThreads, ...pool } = read.pool;
  const { bodyBytes } = running.access.limits;
  return {
    settings: {
      ...read,
      host,
      port,
      isolation,
      access: { ...read.access, limits: { ...read.access.limits, bodyBytes } },
      pool: threads === undefined ? pool : { ...pool, threads },
    },
    keptKeys: [
      ...keptKeys,
      ...(newThreads === threads ? [] : ['threads']),
      ...(read.access.limits.bodyBytes === bodyBytes ? [] : ['limits.body']),
    ],
  };
}
