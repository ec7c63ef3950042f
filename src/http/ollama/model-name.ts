import { toHeddleError } from '../../core/errors.js';
import type { EnginePool } from '../../pool/engine-pool.js';

const latest = ':latest';

/**
 * The id or alias that a client of the Ollama API means: it has a tag behind a model's name, `latest` where there is none.
 * A name that stands for nothing is returned as it is, for whoever asks for it to refuse.
 */
export async function modelName(pool: EnginePool, name: string): Promise<string> {
  if (!name.endsWith(latest) || pool.idOf(name) !== name) return name;
  const bare = name.slice(0, -latest.length);
  try {
    await pool.find(bare);
    return bare;
  } catch (thrown) {
    if (toHeddleError(thrown).code !== 'model_not_found') throw thrown;
    return name;
  }
}
