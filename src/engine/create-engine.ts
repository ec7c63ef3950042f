import { Engine } from './engine.js';
import { ThreadTransport } from './thread-transport.js';

/**
 * An engine that will live on a worker thread of this process. Nothing is started before it is loaded.
 * @param name for debuggers: the model's id
 */
export function createThreadEngine(name: string): Engine {
  return new Engine(new ThreadTransport({ name }));
}
