import type { Logger } from '../core/logger.js';
import { createProcessEngine, createThreadEngine } from '../engine/create-engine.js';
import { EnginePool, type PoolObserver } from '../pool/engine-pool.js';
import { ModelCatalogue } from '../pool/model-catalogue.js';
import { poolSettings, type ModelOptions } from './options.js';

/** Where engines live: in a process each, or on threads of this process. */
export type Isolation = 'process' | 'thread';

/** A pool of the models in some folders. */
export function createPool(
  directories: readonly string[],
  options: ModelOptions & { readonly isolation: Isolation },
  observer: PoolObserver,
  log: Logger,
): EnginePool {
  return new EnginePool({
    catalogue: new ModelCatalogue(directories, log),
    settings: poolSettings(options),
    createEngine: ({ id }, contained) =>
      contained || options.isolation === 'process' ? createProcessEngine(id) : createThreadEngine(id),
    observer,
  });
}
