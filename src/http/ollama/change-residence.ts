import type { FastifyReply } from 'fastify';
import type { EnginePool } from '../../pool/engine-pool.js';
import { ClientWatch } from '../client-watch.js';

/**
 * Loads a model, or has it unloaded as soon as nobody uses it, if it is to stay for no time at all.
 * @param keepAlive milliseconds; undefined for what is configured
 * @returns the `done_reason` of the answer
 * @throws HeddleError `model_not_found`, or why it can not be loaded
 */
export async function changeResidence(
  modelId: string,
  keepAlive: number | undefined,
  reply: FastifyReply,
  pool: EnginePool,
): Promise<'load' | 'unload'> {
  if (keepAlive === 0) {
    await pool.find(modelId);
    pool.keepAlive(modelId, 0);
    return 'unload';
  }
  const lease = await pool.lease(modelId, new ClientWatch(reply.raw).signal);
  if (keepAlive !== undefined) pool.keepAlive(modelId, keepAlive);
  lease.release();
  return 'load';
}
