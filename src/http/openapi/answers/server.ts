import { z } from 'zod';
import { stableRuleNames } from '../../../core/stable-rules.js';
import { model } from './openai.js';

const count = z.int().min(0);
const bytes = z.number().describe('Bytes');
const time = z.iso.datetime();
const pressure = z.enum(['none', 'soft', 'hard']).describe('How short memory is');
const failure = z.strictObject({ code: z.string(), message: z.string() });
const { state } = model.shape;

/** The answer of `GET /health`. */
export const health = z.strictObject({
  status: z.enum(['ok', 'degraded']),
  version: z.string().optional(),
  memory_pressure: pressure.optional(),
  models: z
    .array(
      z.strictObject({
        id: z.string(),
        state,
        requests: count,
        process_id: z.int().nullable(),
        problem: z.string().optional(),
      }),
    )
    .optional(),
  pending_requests: count.optional(),
});

const memoryOf = z.strictObject({
  predicted: bytes,
  predicted_gpu: bytes,
  prompt_cache: bytes,
  measured: bytes.nullable(),
  remainders: z
    .array(z.strictObject({ bytes, gpu_bytes: bytes.optional(), state: z.string() }))
    .describe('What earlier engines have not been seen to give back'),
});

const settlement = z
  .strictObject({
    verdict: z.enum(['settled', 'late', 'leaked', 'indeterminate']),
    expected_bytes: bytes,
    returned_bytes: bytes.nullable(),
    expected_gpu_bytes: bytes.optional(),
    returned_gpu_bytes: bytes.nullable().optional(),
    milliseconds: z.number(),
  })
  .nullable()
  .describe('What became of the memory at the last unload; null before there was one');

const engine = z.strictObject({
  id: z.string(),
  state,
  since: time.optional(),
  deadline: time.optional(),
  error: failure.optional(),
  retry_at: time.optional(),
  problem: z.string().optional(),
  waiting_callers: count,
  losses: count,
  last_loss: z
    .strictObject({ at: time, error: failure, last_words: z.array(z.string()) })
    .optional()
    .describe('With the last lines that its host wrote'),
  memory: memoryOf,
  last_settlement: settlement,
  process_id: z.int().nullable(),
  compute_threads: z.int().nullable(),
  uptime_seconds: count.optional(),
  last_used: time.optional(),
  leases: count.optional(),
  requests: count.optional(),
  report_age_ms: count
    .optional()
    .describe('How old the rest is: an engine that does not answer said it before'),
  running: count.optional(),
  waiting: count.optional(),
  slots: count.optional(),
  cells: z.strictObject({ used: count, resident: count, total: count }).optional(),
  steps: count.optional(),
  aborted_steps: count.optional(),
  preemptions: count.optional(),
  thread_id: z.int().optional(),
  host_memory: z.strictObject({ residentBytes: bytes, anonymousBytes: bytes.optional() }).optional(),
});

/** The answer of `GET /admin/engines`. */
export const engines = z.strictObject({
  engines: z.array(engine),
  memory: z.strictObject({
    ceiling: bytes.describe('What all engines together may take'),
    pressure,
    ledger: z.array(
      z.strictObject({
        id: z.string(),
        bytes,
        gpu_bytes: bytes.optional(),
        state: z.enum(['resident', 'loading', 'releasing', 'quarantined', 'leaked']),
      }),
    ),
    gpus: z
      .strictObject({
        read_at: time,
        devices: z.array(z.strictObject({ id: z.string(), total: bytes, used: bytes })),
      })
      .nullable(),
  }),
});

const countsByName = z.record(z.string(), count);

/** What one model keeps of prompts. */
const promptCache = {
  device: z.strictObject({
    cells: z.strictObject({ used: count, resident: count, total: count }),
    sequences: count,
  }),
  host: z
    .strictObject({ blocks: count, bytes, limit: bytes, hits: count, evicted: count, memory: bytes })
    .nullable(),
  disk: z
    .strictObject({
      thread: z.enum(['running', 'silent', 'lost', 'closed']),
      loss: z.string().optional(),
      hits: count,
      queued: z.strictObject({ blocks: count, bytes }),
      dropped: count,
      unanswered: count,
      directory: z
        .strictObject({
          files: count,
          bytes,
          limit: bytes,
          bad_files: count,
          processes: count,
          scanned: z.boolean(),
          writes: countsByName,
          written_bytes: bytes,
          evicted: count,
          faults: countsByName,
          foreign: count,
          errors: countsByName,
          paused: z.string().nullable(),
        })
        .nullable(),
    })
    .nullable(),
  saved: z.strictObject({ blocks: count, snapshots: count }).optional(),
  restored_tokens: count.optional(),
  faults: count.optional(),
};

/** The answer of `GET /admin/cache`. */
export const promptCaches = z.strictObject({
  models: z.array(z.strictObject({ id: z.string(), report_age_ms: count, ...promptCache })),
});

const done = {
  cleared: z.strictObject({ sequences: count, blocks: count, files: count }).optional(),
  verified: z.strictObject({ files: count, bytes, bad: count }).optional(),
};

/** The answer of `POST /admin/cache/clear` and `.../verify`. */
export const changedPromptCaches = z.strictObject({
  models: z.array(
    z.union([
      z.strictObject({ id: z.string(), ...done, ...promptCache }),
      z.strictObject({ id: z.string(), error: failure }),
    ]),
  ),
});

const probed = z.strictObject({
  tokens: count,
  held: z
    .strictObject({ device: count, host: count, disk: count })
    .describe("How many of the prompt's first tokens each tier holds"),
  rules_applied: z.array(z.enum(stableRuleNames)),
});

const side = z.strictObject({
  before: z.string(),
  after: z.string(),
  message: z.strictObject({ index: count, role: z.string() }).nullable(),
});

/** The answer of `POST /admin/cache/probe`. */
export const cacheProbe = z.strictObject({
  model: z.string(),
  prompt: probed,
  against: probed.optional(),
  common: z.strictObject({ tokens: count, blocks: count, block_tokens: count }).optional(),
  difference: z
    .strictObject({ token: count, character: count, prompt: side, against: side })
    .nullable()
    .optional(),
});

/** The answer of `GET /openapi.json`. */
export const openApiDocument = z.looseObject({ openapi: z.string(), info: z.looseObject({}) });
