import { stringify } from 'yaml';
import { defaultCacheDirectoryBytes } from '../core/prompt-cache.js';
import { defaultPolicy } from '../pool/pool-policy.js';
import { settingsOf, type CacheSettings, type ModelSettings } from '../pool/pool-settings.js';
import { accessKeys } from './access-text.js';
import { policyKeys } from './schema.js';
import { isolationOf, type Settings } from './settings.js';
import { writeBytes, writeDuration } from './units.js';

/** Keys of `pool:` that are no times. */
const counts: readonly string[] = ['max_queue', 'crash_limit'];

/** Settings as a configuration file that says all of them: read again, it gives the same settings. */
export function settingsText(settings: Settings): string {
  const { pool } = settings;
  const policy = { ...defaultPolicy, ...pool.policy };
  const models = new Set([...Object.keys(pool.models ?? {}), ...Object.values(pool.aliases ?? {})]);
  const file = {
    host: settings.host,
    port: settings.port,
    model_dirs: settings.modelDirectories,
    isolation: settings.isolation,
    ...(pool.memoryCeiling === undefined ? {} : { memory: writeBytes(pool.memoryCeiling) }),
    ...(pool.threads === undefined ? {} : { threads: pool.threads }),
    grace: writeDuration(settings.grace),
    log_level: settings.logLevel,
    ...accessKeys(settings.access),
    responses: { stored: settings.responses.count, memory: writeBytes(settings.responses.bytes) },
    cache: cacheKeys(pool.cache ?? { bytes: defaultCacheDirectoryBytes }),
    pool: Object.fromEntries(
      Object.entries(policyKeys).map(([field, key]) => {
        const value = policy[field as keyof typeof policyKeys];
        return [key, counts.includes(key) ? value : writeDuration(value)];
      }),
    ),
    defaults: modelKeys(pool.defaults),
    models: Object.fromEntries([...models].map((id) => [id, modelEntry(settings, id)])),
  };
  return stringify(file, { lineWidth: 110 });
}

function cacheKeys({ directory, bytes }: CacheSettings): object {
  return { ...(directory === undefined ? {} : { directory }), size: writeBytes(bytes) };
}

function modelKeys(model: ModelSettings): object {
  return {
    context: model.contextSize,
    parallel: model.slots,
    batch_size: model.batchSize,
    inter_token_target: model.interTokenTarget === 0 ? 'none' : writeDuration(model.interTokenTarget),
    speculation: model.speculation,
    pinned: model.pinned,
    preload: model.preload,
    idle_timeout: writeDuration(model.idleTimeout),
    resident: model.residents,
    cache_memory: memoryText(model.cacheMemory),
    stable_prompts: { ...model.stablePrompts },
  };
}

function memoryText(memory: ModelSettings['cacheMemory']): string | number {
  return memory === 'auto' || memory === 0 ? memory : writeBytes(memory);
}

function modelEntry(settings: Settings, id: string): object {
  const aliases = Object.entries(settings.pool.aliases ?? {}).filter(([, target]) => target === id);
  return {
    ...modelKeys(settingsOf(settings.pool, id)),
    isolation: isolationOf(settings, id),
    ...(aliases.length === 0 ? {} : { aliases: aliases.map(([alias]) => alias) }),
  };
}
