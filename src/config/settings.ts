import { fileURLToPath } from 'node:url';
import { defaultCacheDirectoryBytes } from '../core/prompt-cache.js';
import { defaultResponseLimits, type ResponseLimits } from '../core/response-limits.js';
import type { Speculation } from '../core/speculation.js';
import { defaultStableRules } from '../core/stable-rules.js';
import type { PoolPolicy } from '../pool/pool-policy.js';
import { defaultModelSettings, type ModelSettings, type PoolSettings } from '../pool/pool-settings.js';
import { toAccessSettings, type AccessOverrides, type AccessSettings } from './access-settings.js';
import { policyKeys, type Config } from './schema.js';
import { withoutUndefined } from './without-undefined.js';

/** Where engines live: in a process each, or on threads of this process. */
export type Isolation = 'process' | 'thread';

export type LogLevel = NonNullable<Config['log_level']>;

/** What a server runs with. Plain data; nothing is left open. */
export interface Settings {
  /** Address to listen on. */
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** Folders with models, absolute. */
  readonly modelDirectories: readonly string[];
  readonly isolation: Isolation;
  /** Where engines of single models live, by id. */
  readonly modelIsolation: Readonly<Record<string, Isolation>>;
  /** How long running requests may go on after a stop signal, milliseconds. */
  readonly grace: number;
  readonly logLevel: LogLevel;
  readonly access: AccessSettings;
  readonly responses: ResponseLimits;
  readonly pool: PoolSettings;
}

/** What goes before the configuration file: options of the command line. */
export interface SettingOverrides extends AccessOverrides {
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  readonly modelDirectories?: readonly string[] | undefined;
  readonly isolation?: Isolation | undefined;
  /** Milliseconds. */
  readonly grace?: number | undefined;
  readonly logLevel?: LogLevel | undefined;
  readonly threads?: number | undefined;
  /** Bytes. */
  readonly memoryCeiling?: number | undefined;
  /** As the file's `defaults.context`: what the file says of a single model stays. */
  readonly contextSize?: number | undefined;
  /** As the file's `defaults.parallel`. */
  readonly slots?: number | undefined;
  /** As the file's `defaults.inter_token_target`: milliseconds, 0 for none. */
  readonly interTokenTarget?: number | undefined;
  /** Absolute. */
  readonly cacheDirectory?: string | undefined;
  /** Bytes. */
  readonly cacheBytes?: number | undefined;
  /** As the file's `defaults.speculation`. */
  readonly speculation?: Speculation | undefined;
}

/** The embedded model's folder: what is served when no folder is named. */
export const starterDirectory = fileURLToPath(new URL('../../models/starter', import.meta.url));

/** What holds where neither the command line nor the file says anything. */
export const defaultServerSettings = {
  host: '127.0.0.1',
  port: 8000,
  modelDirectories: [starterDirectory],
  isolation: 'process',
  grace: 5000,
  logLevel: 'warn',
} as const satisfies Partial<Settings>;

/** The settings that a file and the command line make together: options go before the file, the file before defaults. */
export function toSettings(config: Config, overrides: SettingOverrides = {}): Settings {
  const models = Object.entries(config.models ?? {});
  const defaults = defaultServerSettings;
  return {
    host: overrides.host ?? config.host ?? defaults.host,
    port: overrides.port ?? config.port ?? defaults.port,
    modelDirectories: overrides.modelDirectories ?? config.model_dirs ?? defaults.modelDirectories,
    isolation: overrides.isolation ?? config.isolation ?? defaults.isolation,
    modelIsolation: Object.fromEntries(
      models.flatMap(([id, { isolation }]) => (isolation === undefined ? [] : [[id, isolation]])),
    ),
    grace: overrides.grace ?? config.grace ?? defaults.grace,
    logLevel: overrides.logLevel ?? config.log_level ?? defaults.logLevel,
    access: toAccessSettings(config, overrides),
    responses: {
      ...defaultResponseLimits,
      ...withoutUndefined({ count: config.responses?.stored, bytes: config.responses?.memory }),
    },
    pool: toPoolSettings(config, overrides),
  };
}

/** Where the engine of a model is to live. */
export function isolationOf({ isolation, modelIsolation }: Settings, id: string): Isolation {
  return (Object.hasOwn(modelIsolation, id) ? modelIsolation[id] : undefined) ?? isolation;
}

function toPoolSettings(config: Config, overrides: SettingOverrides): PoolSettings {
  const models = Object.entries(config.models ?? {});
  return withoutUndefined({
    threads: overrides.threads ?? config.threads,
    memoryCeiling: overrides.memoryCeiling ?? config.memory,
    defaults: {
      ...defaultModelSettings,
      ...toModelSettings(config.defaults ?? {}),
      ...withoutUndefined({
        contextSize: overrides.contextSize,
        slots: overrides.slots,
        interTokenTarget: overrides.interTokenTarget,
        speculation: overrides.speculation,
      }),
    },
    models: Object.fromEntries(
      models.map(([id, model]) => [id, toModelSettings(model, config.defaults?.stable_prompts)]),
    ),
    aliases: Object.fromEntries(
      models.flatMap(([id, { aliases = [] }]) => aliases.map((alias) => [alias, id])),
    ),
    policy: toPolicy(config.pool ?? {}),
    cache: withoutUndefined({
      directory: overrides.cacheDirectory ?? config.cache?.directory,
      bytes: overrides.cacheBytes ?? config.cache?.size ?? defaultCacheDirectoryBytes,
    }),
  });
}

type Section = NonNullable<Config['defaults']>;

/** @param rules what the file says of all models about rules that this one says nothing about */
function toModelSettings(model: Section, rules?: Section['stable_prompts']): Partial<ModelSettings> {
  return withoutUndefined({
    contextSize: model.context,
    slots: model.parallel,
    batchSize: model.batch_size,
    interTokenTarget: model.inter_token_target,
    speculation: model.speculation,
    pinned: model.pinned,
    preload: model.preload,
    idleTimeout: model.idle_timeout,
    residents: model.resident,
    cacheMemory: model.cache_memory,
    stablePrompts:
      model.stable_prompts === undefined
        ? undefined
        : { ...defaultStableRules, ...withoutUndefined({ ...rules, ...model.stable_prompts }) },
  } satisfies Record<keyof ModelSettings, unknown>);
}

function toPolicy(pool: NonNullable<Config['pool']>): Partial<PoolPolicy> {
  const fields = Object.entries(policyKeys).map(([field, key]) => [field, pool[key]] as const);
  return withoutUndefined(Object.fromEntries(fields));
}
