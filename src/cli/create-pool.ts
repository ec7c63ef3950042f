import { isolationOf, type Settings } from '../config/settings.js';
import type { Logger } from '../core/logger.js';
import { createProcessEngine, createThreadEngine } from '../engine/create-engine.js';
import { EnginePool, type PoolObserver } from '../pool/engine-pool.js';
import { ModelCatalogue } from '../pool/model-catalogue.js';

/**
 * A pool of the models in some folders.
 * @param settings what holds at the moment: asked again for the isolation of each engine that is made
 */
export function createPool(settings: () => Settings, observer: PoolObserver, log: Logger): EnginePool {
  const { modelDirectories, pool } = settings();
  return new EnginePool({
    catalogue: new ModelCatalogue(modelDirectories, log),
    settings: pool,
    createEngine: ({ id }, contained) =>
      contained || isolationOf(settings(), id) === 'process'
        ? createProcessEngine(id)
        : createThreadEngine(id),
    observer,
  });
}
