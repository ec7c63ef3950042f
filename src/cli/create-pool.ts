import type { Logger } from '../core/logger.js';
import { createThreadEngine } from '../engine/create-engine.js';
import { EnginePool, type PoolObserver } from '../pool/engine-pool.js';
import { ModelCatalogue } from '../pool/model-catalogue.js';
import { engineSettings, type ModelOptions } from './options.js';

/** A pool of the models in some folders, each engine on a thread of this process. */
export function createPool(
  directories: readonly string[],
  options: ModelOptions,
  observer: PoolObserver,
  log: Logger,
): EnginePool {
  return new EnginePool({
    catalogue: new ModelCatalogue(directories, log),
    settings: engineSettings(options),
    createEngine: ({ id }) => createThreadEngine(id),
    observer,
  });
}
