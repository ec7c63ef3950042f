import { collectDefaultMetrics, Registry } from 'prom-client';

let registry: Registry | undefined;

/**
 * Node's own metrics: processor time, memory, event loop, garbage collection. They are those of the process, and what
 * measures them can not be stopped: there is one set of them, started when it is first asked for, however many servers
 * there are. Nothing of it keeps the process alive.
 */
export function processMetrics(): Registry {
  if (registry === undefined) {
    registry = new Registry();
    collectDefaultMetrics({ register: registry });
  }
  return registry;
}
