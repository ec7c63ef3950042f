import { defaultRequestLimits, noKeyLimits, type KeyLimits, type RequestLimits } from '../core/access.js';
import type { KeySource } from './key-source.js';
import type { Config } from './schema.js';
import { withoutUndefined } from './without-undefined.js';

/** One entry of the API keys. */
export interface ApiKeySettings {
  readonly name: string;
  readonly source: KeySource;
  /** What is different for it. */
  readonly limits: Partial<KeyLimits>;
}

/** Who may ask the server for what, as it was configured: keys are still where they come from. */
export interface AccessSettings {
  readonly apiKeys: readonly ApiKeySettings[];
  readonly adminKey?: KeySource;
  /** Listen on addresses that others can reach without asking for a key. */
  readonly insecureNoKey: boolean;
  readonly publicMetrics: boolean;
  readonly allowedHosts: readonly string[];
  readonly corsOrigins: readonly string[];
  readonly limits: RequestLimits;
  /** Of each key that says nothing else. */
  readonly keyLimits: KeyLimits;
}

/** What goes before the file, or is added to it: the environment and options of the command line. */
export interface AccessOverrides {
  /** Beside those of the file. */
  readonly apiKeys?: readonly ApiKeySettings[] | undefined;
  readonly adminKey?: KeySource | undefined;
  readonly insecureNoKey?: boolean | undefined;
}

/** What the file and the command line make of it together. */
export function toAccessSettings(config: Config, overrides: AccessOverrides): AccessSettings {
  const { limits = {}, api_keys: keys = {} } = config;
  const ofFile = Object.entries(keys).map(([name, { key: source, ...own }]) => ({
    name,
    source,
    limits: toKeyLimits(own),
  }));
  const adminKey = overrides.adminKey ?? config.admin_key;
  return {
    apiKeys: [...(overrides.apiKeys ?? []), ...ofFile],
    ...(adminKey === undefined ? {} : { adminKey }),
    insecureNoKey: overrides.insecureNoKey ?? config.insecure_no_key ?? false,
    publicMetrics: config.public_metrics ?? false,
    allowedHosts: config.allowed_hosts ?? [],
    corsOrigins: config.cors_origins ?? [],
    limits: {
      ...defaultRequestLimits,
      ...withoutUndefined({
        bodyBytes: limits.body,
        depth: limits.depth,
        messages: limits.messages,
        tools: limits.tools,
        stops: limits.stops,
        stopLength: limits.stop_length,
      }),
    },
    keyLimits: { ...noKeyLimits, ...toKeyLimits(limits) },
  };
}

function toKeyLimits(limits: {
  readonly requests_per_minute?: number | undefined;
  readonly concurrent_requests?: number | undefined;
}): Partial<KeyLimits> {
  return withoutUndefined({
    requestsPerMinute: limits.requests_per_minute,
    concurrentRequests: limits.concurrent_requests,
  });
}
