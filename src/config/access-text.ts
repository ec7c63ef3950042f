import type { KeyLimits } from '../core/access.js';
import type { AccessSettings } from './access-settings.js';
import { writeKeySource } from './key-source.js';
import { writeBytes } from './units.js';

/** The keys of a configuration file that say who may ask for what; keys themselves are shown as digests. */
export function accessKeys({ adminKey, apiKeys, limits, keyLimits, ...access }: AccessSettings): object {
  const keys = apiKeys.map(({ name, source, limits: own }) => [
    name,
    { key: writeKeySource(source), ...requestKeys(own) },
  ]);
  return {
    ...(adminKey === undefined ? {} : { admin_key: writeKeySource(adminKey) }),
    insecure_no_key: access.insecureNoKey,
    public_metrics: access.publicMetrics,
    allowed_hosts: access.allowedHosts,
    cors_origins: access.corsOrigins,
    api_keys: Object.fromEntries(keys) as object,
    limits: {
      body: writeBytes(limits.bodyBytes),
      depth: limits.depth,
      messages: limits.messages,
      tools: limits.tools,
      stops: limits.stops,
      stop_length: limits.stopLength,
      ...requestKeys(keyLimits),
    },
  };
}

function requestKeys({ requestsPerMinute, concurrentRequests }: Partial<KeyLimits>): object {
  return {
    ...(requestsPerMinute === undefined ? {} : { requests_per_minute: countText(requestsPerMinute) }),
    ...(concurrentRequests === undefined ? {} : { concurrent_requests: countText(concurrentRequests) }),
  };
}

function countText(count: number): number | 'none' {
  return count === Infinity ? 'none' : count;
}
