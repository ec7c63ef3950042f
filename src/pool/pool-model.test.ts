import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toHeddleError, type ErrorCode } from '../core/errors.js';
import { silentLogger } from '../core/logger.js';
import { Engine } from '../engine/engine.js';
import { InMemoryTransport } from '../testing/in-memory-transport.js';
import { collect, makeRequest } from '../testing/requests.js';
import { EnginePool } from './engine-pool.js';
import { transitions, type EngineState, type EngineStateKind } from './engine-state.js';
import type { ManagedModel } from './managed-model.js';
import { heldGpuBytes } from './memory-budget.js';
import type { GpuMemory } from './memory-probe.js';
import { ModelCatalogue } from './model-catalogue.js';
import { defaultModelSettings } from './pool-settings.js';

const ceiling = 250;
const gpuBytes = 100;
/** What each takes of the GPU: any one fits, but not a and b at once. */
const models = { a: 60, b: 60, c: 20, d: 0 };
type ModelId = keyof typeof models;
const modelIds = Object.keys(models) as ModelId[];

/** What can happen to a pool, in any order and without waiting for what came before. */
const action = fc.record({
  kind: fc.constantFrom(
    'request',
    'request',
    'request',
    'load',
    'unload',
    'crash',
    'stall',
    'cancel',
    'leave',
  ),
  model: fc.constantFrom(...modelIds),
  grace: fc.constantFrom(0, 1, 50),
  choices: fc.integer({ min: 1, max: 2 }),
  turns: fc.integer({ min: 0, max: 20 }),
});

type Action = typeof action extends fc.Arbitrary<infer T> ? T : never;

/** Errors that a request may meet without anybody having done wrong. */
const expected: readonly ErrorCode[] = [
  'engine_crashed',
  'engine_stalled',
  'engine_closed',
  'model_unloading',
  'load_cancelled',
  'request_cancelled',
  'queue_full',
  'insufficient_memory',
];

class Play {
  readonly #folder = mkdtempSync(join(tmpdir(), 'heddle-play-'));
  readonly #transports: { model: string; transport: InMemoryTransport }[] = [];
  readonly #running: Promise<unknown>[] = [];
  readonly #cancels: (() => void)[] = [];
  readonly #leavers: AbortController[] = [];
  readonly #states = new Map<string, EngineStateKind>();
  readonly outcomes: string[] = [];
  /** Transitions that should not have been. */
  readonly wrong: string[] = [];
  mostBytes = 0;
  mostGpuBytes = 0;
  leastBytes = 0;
  readonly pool: EnginePool;

  constructor() {
    for (const [id, bytes] of Object.entries(models))
      writeFileSync(join(this.#folder, `${id}.gguf`), `fake:?bytes=100&deviceBytes=${bytes}`);
    this.pool = new EnginePool({
      catalogue: new ModelCatalogue([this.#folder], silentLogger),
      settings: {
        defaults: { ...defaultModelSettings, contextSize: 256, slots: 2, batchSize: 32 },
        memoryCeiling: ceiling,
        policy: {
          firstRetry: 0,
          minimumResidency: 0,
          crashLimit: 1000,
          queueWait: 2000,
          groupWait: 5,
          maxQueue: 8,
          settleDeadline: 5,
        },
      },
      createEngine: ({ id }) => {
        const transport = new InMemoryTransport();
        this.#transports.push({ model: id, transport });
        return new Engine(transport);
      },
      observer: {
        changed: (model, from) => this.#check(model, from),
        progress() {},
        lost() {},
        settled() {},
      },
      probe: {
        process: async () => Promise.resolve({ residentBytes: 1, anonymousBytes: 1 }),
        available: async () => Promise.resolve(undefined),
        gpus: async () => Promise.resolve([this.#gpu]),
      },
    });
  }

  /** In use is what engines have that are there. */
  get #gpu(): GpuMemory {
    const loaded = this.pool.models.filter(({ engine }) => engine !== undefined);
    const usedBytes = loaded.reduce((sum, { memory }) => sum + memory.gpuBytes, 0);
    return { id: 'gpu', totalBytes: gpuBytes, usedBytes, processes: new Map() };
  }

  async perform({ kind, model, grace, choices, turns }: Action): Promise<void> {
    if (kind === 'request') this.#running.push(this.#request(model, choices));
    else if (kind === 'load') this.#running.push(this.pool.load(model).catch(() => {}));
    else if (kind === 'unload') this.#running.push(this.pool.unload(model, grace));
    else if (kind === 'stall') this.#stall(model);
    else if (kind === 'cancel') this.#cancels.shift()?.();
    else if (kind === 'leave') this.#leavers.shift()?.abort();
    else if (kind === 'crash') {
      this.#transports.find((one) => one.model === model && one.transport.running)?.transport.crash();
    }
    for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve));
  }

  /** The engine stops where it is, and is given up; it goes on when all is over. */
  #stall(id: string): void {
    const model = this.pool.managed(id);
    if (model?.engine === undefined) return;
    this.#transports.findLast((one) => one.model === id)?.transport.gate.hold();
    model.giveUp({ code: 'engine_stalled', message: 'It was stalled by a test.', retryable: true });
  }

  /** Nobody says more; what was begun ends. */
  async end(): Promise<void> {
    for (const { transport } of this.#transports) transport.gate.open();
    await Promise.all(this.#running);
    await this.pool.close();
    // Threads that were given up end when they find out.
    while (this.leftRunning > 0) await new Promise((resolve) => setImmediate(resolve));
    rmSync(this.#folder, { recursive: true });
  }

  get leftRunning(): number {
    return this.#transports.filter(({ transport }) => transport.running).length;
  }

  async #request(model: string, choices: number): Promise<void> {
    const leaver = new AbortController();
    this.#leavers.push(leaver);
    try {
      const lease = await this.pool.lease(model, leaver.signal);
      const generation = lease.engine.generate(makeRequest({ choices, stop: { maxTokens: 5 } }));
      lease.release();
      this.#cancels.push(() => generation.cancel());
      const { finishes } = await collect(generation);
      this.outcomes.push(finishes.length === 0 ? 'cancelled' : 'text');
    } catch (error) {
      this.outcomes.push(toHeddleError(error).code);
    }
  }

  #check({ file, state, engine }: ManagedModel, from: EngineState): void {
    const { id } = file;
    // What a model was left in is what it is found in, and every way is one of the table.
    if ((this.#states.get(id) ?? 'unloaded') !== from.kind) this.wrong.push(`${id} was not ${from.kind}`);
    if (!transitions[from.kind].includes(state.kind)) this.wrong.push(`${id}: ${from.kind} to ${state.kind}`);
    this.#states.set(id, state.kind);
    const hasEngine = ['queued', 'loading', 'ready', 'draining', 'unloading'].includes(state.kind);
    if ((engine !== undefined) !== hasEngine)
      this.wrong.push(`${id} is ${state.kind}, engine: ${!hasEngine}`);
    const bytes = this.pool.ledger.reduce((sum, holder) => sum + holder.bytes, 0);
    this.mostBytes = Math.max(this.mostBytes, bytes);
    this.mostGpuBytes = Math.max(this.mostGpuBytes, heldGpuBytes(this.pool.ledger));
    this.leastBytes = Math.min(this.leastBytes, ...this.pool.ledger.map((holder) => holder.bytes));
  }
}

describe('a pool to which anything happens in any order', () => {
  it('ends every request well or with a typed error, and leaks no lease and no memory, in 10,000 of them', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(action, { minLength: 50, maxLength: 50 }), async (actions) => {
        const play = new Play();
        for (const one of actions) await play.perform(one);
        await play.end();
        const requests = actions.filter(({ kind }) => kind === 'request').length;
        expect(play.outcomes).toHaveLength(requests);
        const strange = play.outcomes.filter(
          (outcome) =>
            outcome !== 'text' && outcome !== 'cancelled' && !expected.some((code) => code === outcome),
        );
        expect(strange).toEqual([]);
        expect(play.wrong).toEqual([]);
        expect(play.mostBytes).toBeLessThanOrEqual(ceiling);
        expect(play.mostGpuBytes).toBeLessThanOrEqual(gpuBytes);
        expect(play.leastBytes).toBeGreaterThanOrEqual(0);
        expect(play.pool.ledger).toEqual([]);
        expect(
          play.pool.models.map(({ leases, waiting }) => leases + waiting).every((count) => count === 0),
        ).toBe(true);
        for (const { state, engine } of play.pool.models) {
          expect(['unloaded', 'failed']).toContain(state.kind);
          expect(engine).toBeUndefined();
        }
      }),
      { numRuns: 200, timeout: 20_000 },
    );
  }, 120_000);
});
