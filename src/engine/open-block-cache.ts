import { HeddleError } from '../core/errors.js';
import type { LoadOptions, ModelRunner } from '../core/model-runner.js';
import { spareBlockShare } from '../core/prompt-cache.js';
import { fingerprintOf } from '../prefix-cache/block-id.js';
import { PrefixStore } from '../prefix-cache/prefix-store.js';
import { defaultDiskSettings } from '../prefix-cache/store-settings.js';
import { BlockCache } from './block-cache.js';
import { modelIdentity } from './model-identity.js';

/**
 * The tiers of the prompt cache below the KV cache, as a model is loaded with; undefined where it is to have none. What
 * other models than those that generate compute is not asked for again, but for what a rerank request's pairs share,
 * which is in the KV cache.
 */
export function openBlockCache(
  { modelPath, promptCache }: LoadOptions,
  runner: ModelRunner,
): BlockCache | undefined {
  const { kind, memory, stateFormat, architecture } = runner.info;
  if (promptCache === undefined || memory === 'none' || kind !== 'generation') return undefined;
  const { hostBytes, disk } = promptCache;
  if (hostBytes === 0 && disk === undefined) return undefined;
  const fingerprint = fingerprintOf({ model: identityOf(modelPath), stateFormat, architecture });
  const store = new PrefixStore({
    fingerprint,
    hostBytes,
    spareBytes: Math.floor(hostBytes * spareBlockShare),
    disk: disk === undefined ? undefined : { ...defaultDiskSettings(disk.directory), ...disk },
  });
  return new BlockCache(runner, store, fingerprint);
}

/** @throws HeddleError `model_load_failed` when the file is not there any more */
function identityOf(path: string): string {
  try {
    return modelIdentity(path);
  } catch (cause) {
    const message = `${path} can not be read again for the prompt cache: ${String(cause)}`;
    throw new HeddleError('model_load_failed', message, { cause });
  }
}
