import type { LoadOptions, ModelRunner } from '../core/model-runner.js';
import { spareBlockShare } from '../core/prompt-cache.js';
import { fingerprintOf } from '../prefix-cache/block-id.js';
import { PrefixStore } from '../prefix-cache/prefix-store.js';
import { defaultDiskSettings } from '../prefix-cache/store-settings.js';
import { BlockCache } from './block-cache.js';
import { modelIdentity } from './model-identity.js';

/** The tiers of the prompt cache below the KV cache, as a model is loaded with; undefined where it is to have none. */
export function openBlockCache(
  { modelPath, promptCache }: LoadOptions,
  runner: ModelRunner,
): BlockCache | undefined {
  const { memory, stateFormat, architecture } = runner.info;
  if (promptCache === undefined || memory === 'none') return undefined;
  const { hostBytes, disk } = promptCache;
  if (hostBytes === 0 && disk === undefined) return undefined;
  const fingerprint = fingerprintOf({ model: modelIdentity(modelPath), stateFormat, architecture });
  const store = new PrefixStore({
    fingerprint,
    hostBytes,
    spareBytes: Math.floor(hostBytes * spareBlockShare),
    disk: disk === undefined ? undefined : { ...defaultDiskSettings(disk.directory), ...disk },
  });
  return new BlockCache(runner, store, fingerprint);
}
