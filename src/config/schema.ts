import { z } from 'zod';
import { speculations } from '../core/speculation.js';
import type { StableRuleName } from '../core/stable-rules.js';
import type { PoolPolicy } from '../pool/pool-policy.js';
import { readInterTokenTarget } from './inter-token-target.js';
import { readKeySource } from './key-source.js';
import { readBytes, readDuration, shown, type Reading } from './units.js';

/** Timers of Node can not wait for longer than 2^31 - 1 milliseconds. */
const longest = 24 * 86_400_000;

const count = (least: number, most: number) => z.int().min(least).max(most);
const text = z.string().min(1);
const isolation = z.enum(['process', 'thread']);

/** A value that carries its unit. */
function withUnit(read: (value: unknown) => Reading) {
  return z.unknown().transform((value, context) => {
    const reading = read(value);
    if ('value' in reading) return reading.value;
    context.addIssue({ code: 'custom', message: reading.problem });
    return z.NEVER;
  });
}

const duration = (least = 0) =>
  withUnit((value) => {
    const reading = readDuration(value);
    if ('problem' in reading || (reading.value >= least && reading.value <= longest)) return reading;
    return { problem: `must be from ${least === 0 ? '0s' : `${least}ms`} to 24d` };
  });

const idleTimeout = withUnit((value) => {
  if (value === 'never') return { value: Infinity };
  const reading = readDuration(value);
  if ('problem' in reading) return { problem: `${reading.problem}; or "never"` };
  if (reading.value > 0 && reading.value <= longest) return reading;
  return { problem: 'must be from 1ms to 24d, or "never"' };
});

const memory = withUnit((value) => {
  const reading = readBytes(value);
  return 'value' in reading && reading.value < 2 ** 20 ? { problem: 'must be at least 1MiB' } : reading;
});

/** What heddle works out by itself if asked to. */
function orAuto(read: (value: unknown) => Reading) {
  return z.unknown().transform((value, context): number | 'auto' => {
    if (value === 'auto') return value;
    const reading = read(value);
    if ('value' in reading) return reading.value;
    context.addIssue({ code: 'custom', message: `${reading.problem}; or "auto"` });
    return z.NEVER;
  });
}

const residents = orAuto((value) =>
  typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 256
    ? { value }
    : { problem: `must be a whole number from 0 to 256, not ${shown(value)}` },
);

const cacheMemory = orAuto((value) => {
  if (value === 0) return { value };
  const reading = readBytes(value);
  const tooSmall = 'value' in reading && reading.value > 0 && reading.value < 2 ** 20;
  return tooSmall ? { problem: 'must be 0, for none, or at least 1MiB' } : reading;
});

/** A key, or where it is; what is wrong with it is told without showing it. */
const key = z.unknown().transform((value, context) => {
  const reading = readKeySource(value);
  if ('value' in reading) return reading.value;
  context.addIssue({ code: 'custom', message: reading.problem });
  return z.NEVER;
});

/** A number of requests, or as many as there are. */
const most = (limit: number) =>
  z.unknown().transform((value, context) => {
    if (value === 'none') return Infinity;
    if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= limit) return value;
    const problem = `must be a whole number from 1 to ${limit}, or "none", not ${shown(value)}`;
    context.addIssue({ code: 'custom', message: problem });
    return z.NEVER;
  });

const hostName = z
  .string()
  .regex(/^(?:\*|[^\s/*:]+|\[[^\s/*]+\])$/, 'must be a host without scheme, port or path, or "*"');

const origin = z
  .string()
  .regex(
    /^(?:\*|null|[a-z][a-z0-9+.-]*:\/\/[^\s/*?#]*)$/i,
    'must be an origin such as https://app.example.com, without a path, or "*"',
  );

/** The library rounds a KV cache up to 256 cells anyway. */
const context = z.int().refine((cells) => cells === 0 || (cells >= 256 && cells < 2 ** 31), {
  error: "must be 0, for the model's own, or at least 256",
});

/** Keys of `pool:`. */
export const poolShape = {
  queue_wait: duration().optional(),
  group_wait: duration().optional(),
  max_queue: count(1, 100_000).optional(),
  minimum_residency: duration().optional(),
  stall_deadline: duration(1000).optional(),
  teardown_deadline: duration(100).optional(),
  settle_deadline: duration().optional(),
  leak_deadline: duration().optional(),
  memory_interval: duration(100).optional(),
  crash_limit: count(1, 1000).optional(),
  steady_after: duration().optional(),
  first_retry: duration().optional(),
  last_retry: duration().optional(),
} as const;

/** The key of each field of the pool's policy. */
export const policyKeys = {
  queueWait: 'queue_wait',
  groupWait: 'group_wait',
  maxQueue: 'max_queue',
  minimumResidency: 'minimum_residency',
  stallDeadline: 'stall_deadline',
  teardownDeadline: 'teardown_deadline',
  settleDeadline: 'settle_deadline',
  leakDeadline: 'leak_deadline',
  memoryInterval: 'memory_interval',
  crashLimit: 'crash_limit',
  steadyAfter: 'steady_after',
  firstRetry: 'first_retry',
  lastRetry: 'last_retry',
} as const satisfies Record<keyof PoolPolicy, keyof typeof poolShape>;

/** Keys of `cache:`. */
export const cacheShape = {
  directory: text.optional(),
  size: memory.optional(),
} as const;

/** What a key may ask for, as {@link limitsShape} has it for all. */
const keyLimitsShape = {
  requests_per_minute: most(1_000_000).optional(),
  concurrent_requests: most(100_000).optional(),
} as const;

/** Keys of an entry of `api_keys:`; an entry that is text is its `key`. */
export const apiKeyShape = { key, ...keyLimitsShape } as const;

/** Keys of `limits:`. */
export const limitsShape = {
  body: memory.optional(),
  depth: count(8, 1000).optional(),
  messages: count(1, 1_000_000).optional(),
  tools: count(1, 100_000).optional(),
  stops: count(1, 1024).optional(),
  stop_length: count(1, 65_536).optional(),
  ...keyLimitsShape,
} as const;

/** Keys of `responses:`. */
export const responsesShape = {
  stored: count(0, 1_000_000).optional(),
  memory: memory.optional(),
} as const;

/** Keys of `stable_prompts:`. */
export const stablePromptsShape = {
  billing_header: z.boolean().optional(),
  trailing_whitespace: z.boolean().optional(),
  clock_time: z.boolean().optional(),
  session_ids: z.boolean().optional(),
  tool_order: z.boolean().optional(),
  tool_keys: z.boolean().optional(),
} as const satisfies Record<StableRuleName, unknown>;

/** Keys of `defaults:`, which a model's entry may have too. */
export const defaultsShape = {
  context: context.optional(),
  parallel: count(1, 256).optional(),
  batch_size: count(16, 65_536).optional(),
  inter_token_target: withUnit(readInterTokenTarget).optional(),
  speculation: z.enum(speculations).optional(),
  pinned: z.boolean().optional(),
  preload: z.boolean().optional(),
  idle_timeout: idleTimeout.optional(),
  resident: residents.optional(),
  cache_memory: cacheMemory.optional(),
  stable_prompts: z.strictObject(stablePromptsShape).optional(),
} as const;

/** Keys of an entry of `models:`. */
export const modelShape = {
  ...defaultsShape,
  isolation: isolation.optional(),
  aliases: z.array(text).optional(),
} as const;

/** Keys of the file. */
export const fileShape = {
  host: text.optional(),
  port: count(0, 65_535).optional(),
  model_dirs: z.array(text).min(1).optional(),
  isolation: isolation.optional(),
  memory: memory.optional(),
  threads: count(1, 512).optional(),
  grace: duration().optional(),
  log_level: z.enum(['debug', 'info', 'warn', 'error', 'silent']).optional(),
  admin_key: key.optional(),
  insecure_no_key: z.boolean().optional(),
  public_metrics: z.boolean().optional(),
  allowed_hosts: z.array(hostName).optional(),
  cors_origins: z.array(origin).optional(),
  api_keys: z.record(text, z.strictObject(apiKeyShape)).optional(),
  limits: z.strictObject(limitsShape).optional(),
  responses: z.strictObject(responsesShape).optional(),
  cache: z.strictObject(cacheShape).optional(),
  pool: z.strictObject(poolShape).optional(),
  defaults: z.strictObject(defaultsShape).optional(),
  models: z.record(text, z.strictObject(modelShape)).optional(),
} as const;

/** The configuration file: what people write, checked, with times in milliseconds and memory in bytes. */
export const configSchema = z.strictObject(fileShape);

/** A file that was checked. What it does not say is absent. */
export type Config = z.output<typeof configSchema>;
