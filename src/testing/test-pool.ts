import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '../core/logger.js';
import type { SettleReport } from '../core/memory.js';
import { Engine } from '../engine/engine.js';
import { EnginePool } from '../pool/engine-pool.js';
import type { MemoryProbe } from '../pool/memory-probe.js';
import { ModelCatalogue } from '../pool/model-catalogue.js';
import type { PoolPolicy } from '../pool/pool-policy.js';
import { defaultModelSettings, type PoolSettings } from '../pool/pool-settings.js';
import { InMemoryTransport } from './in-memory-transport.js';
import { collect, makeRequest } from './requests.js';
import { ScriptedProbe } from './scripted-probe.js';

/** A pool of fake models on this thread that waits for nothing unless it is told to, and remembers what happened. */
export class TestPool {
  readonly pool: EnginePool;
  /** One for each engine that was made. */
  readonly transports: InMemoryTransport[] = [];
  /** Of each engine that was made, whether it had to be one that can be killed. */
  readonly contained: boolean[] = [];
  /** Transitions and losses, such as `a ready` and `a lost`. */
  readonly happened: string[] = [];
  readonly settled: SettleReport[] = [];
  readonly #folder = mkdtempSync(join(tmpdir(), 'heddle-pool-'));
  readonly #settings: PoolSettings;

  constructor({
    policy,
    probe = new ScriptedProbe('nothing'),
    makeTransport = () => new InMemoryTransport(),
    ...settings
  }: Partial<PoolSettings> & {
    policy?: Partial<PoolPolicy>;
    probe?: MemoryProbe;
    makeTransport?: () => InMemoryTransport;
  } = {}) {
    this.#settings = {
      defaults: { ...defaultModelSettings, contextSize: 512, slots: 2, batchSize: 64 },
      memoryCeiling: 2 ** 40,
      policy: { firstRetry: 0, minimumResidency: 0, ...policy },
      ...settings,
    };
    this.pool = new EnginePool({
      catalogue: new ModelCatalogue([this.#folder], silentLogger),
      settings: this.#settings,
      createEngine: (_, contained) => {
        const transport = makeTransport();
        this.transports.push(transport);
        this.contained.push(contained);
        return new Engine(transport);
      },
      observer: {
        changed: ({ file, state }) => this.happened.push(`${file.id} ${state.kind}`),
        progress() {},
        lost: ({ id }) => this.happened.push(`${id} lost`),
        settled: (_, report) => this.settled.push(report),
      },
      probe,
    });
  }

  /** @param url how the fake model behaves, as in `fake:?bytes=100` */
  addModel(id: string, url = 'fake:?'): void {
    writeFileSync(join(this.#folder, `${id}.gguf`), url);
  }

  /** One request from beginning to end; times of use are whole milliseconds, and the next use is a later one. */
  async use(id: string): Promise<void> {
    const lease = await this.pool.lease(id);
    const text = collect(lease.engine.generate(makeRequest()));
    lease.release();
    await text;
    const now = Date.now();
    while (Date.now() === now) await new Promise((resolve) => setTimeout(resolve, 1));
  }

  /** Resolves when something has happened, such as `a ready`, since the call or before it. */
  async until(what: string): Promise<void> {
    while (!this.happened.includes(what)) await new Promise((resolve) => setImmediate(resolve));
  }

  /** Replaces some settings. */
  configure(settings: Partial<PoolSettings>): void {
    this.pool.configure({ ...this.#settings, ...settings });
  }

  async close(): Promise<void> {
    for (const { gate } of this.transports) gate.open();
    await this.pool.close();
    rmSync(this.#folder, { recursive: true });
  }
}
