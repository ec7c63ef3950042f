import { Engine } from './engine.js';
import { ProcessTransport } from './process-transport.js';
import { ThreadTransport } from './thread-transport.js';

/**
 * An engine that will live on a worker thread of this process. Nothing is started before it is loaded.
 * @param name for debuggers: the model's id
 */
export function createThreadEngine(name: string): Engine {
  return new Engine(new ThreadTransport({ name }));
}

/**
 * An engine that will live in a child process: what kills it kills nothing else. Nothing is started before it is loaded.
 * @param name for debuggers: the model's id
 */
export function createProcessEngine(name: string): Engine {
  return new Engine(new ProcessTransport({ name }));
}
