import { Counter, Gauge, type Registry } from 'prom-client';
import type { PromptCacheReport } from '../core/prompt-cache.js';
import type { Engine } from '../engine/engine.js';
import type { TimedReport } from '../pool/engine-reports.js';

const model = ['model_name'] as const;

type Labels = Readonly<Record<string, string>>;

interface Count {
  readonly counter: Counter;
  readonly labels: Labels;
  readonly value: number;
}

/**
 * What engines report of the prompts that they keep. Their counts begin anew with each engine; here they go on. What
 * happened between the last report that was read and the end of an engine is not counted.
 */
export class PromptCacheMetrics {
  readonly #cells: Gauge;
  readonly #blocks: Gauge;
  readonly #bytes: Gauge;
  readonly #limit: Gauge;
  readonly #directory: Gauge;
  readonly #paused: Gauge;
  readonly #hits: Counter;
  readonly #saved: Counter;
  readonly #restored: Counter;
  readonly #writes: Counter;
  readonly #writtenBytes: Counter;
  readonly #faults: Counter;
  readonly #errors: Counter;
  /** What was counted of each engine, by counter, and by labels. */
  readonly #counted = new WeakMap<Engine, Map<Counter, Map<string, number>>>();

  constructor(registry: Registry) {
    const registers = [registry];
    const gauge = (name: string, help: string, labelNames: readonly string[] = model): Gauge =>
      new Gauge({ name: `heddle_prompt_cache_${name}`, help, labelNames: [...labelNames], registers });
    const counter = (name: string, help: string, ...labels: string[]): Counter =>
      new Counter({
        name: `heddle_prompt_cache_${name}`,
        help,
        labelNames: [...model, ...labels],
        registers,
      });
    this.#cells = gauge('resident_cells', 'KV cells that only finished sequences refer to');
    this.#blocks = gauge('blocks', 'Blocks of prompts in RAM, snapshots included');
    this.#bytes = gauge('bytes', 'Memory of the blocks in RAM');
    this.#limit = gauge('limit_bytes', 'Memory that blocks in RAM may take');
    this.#directory = gauge('directory_bytes', 'Files in the cache directory, of all models', []);
    this.#paused = gauge(
      'disk_paused',
      '1 while nothing is written since the system refused, or nothing answers',
    );
    this.#hits = counter('hits_total', 'Blocks that were found when they were wanted', 'tier');
    this.#saved = counter('saved_blocks_total', 'What was copied out of the KV cache', 'kind');
    this.#restored = counter('restored_tokens_total', 'Tokens that were put back into the KV cache');
    this.#writes = counter('disk_writes_total', 'Blocks that were to be written to disk', 'outcome');
    this.#writtenBytes = counter('disk_written_bytes_total', 'Bytes of files that were written');
    this.#faults = counter('faults_total', 'Blocks that could not be used', 'kind');
    this.#errors = counter('disk_errors_total', 'Calls of the system that failed', 'error');
  }

  /** Takes over what the engines said last, by model id. */
  read(reports: ReadonlyMap<string, TimedReport<PromptCacheReport>>): void {
    const gauges = [this.#cells, this.#blocks, this.#bytes, this.#limit, this.#directory, this.#paused];
    for (const gauge of gauges) gauge.reset();
    let directoryBytes: number | undefined;
    for (const [modelId, { engine, report }] of reports) {
      const labels = { model_name: modelId };
      const { device, host, disk } = report;
      this.#cells.set(labels, device.residentCells);
      if (host !== undefined) {
        this.#blocks.set(labels, host.blocks);
        this.#bytes.set(labels, host.bytes);
        this.#limit.set(labels, host.limit);
      }
      if (disk !== undefined) {
        const writes = disk.thread === 'running' && disk.directory?.paused === undefined;
        this.#paused.set(labels, writes ? 0 : 1);
      }
      // Each knows all files, but for those that others have written lately.
      if (disk?.directory !== undefined) directoryBytes = Math.max(directoryBytes ?? 0, disk.directory.bytes);
      this.#count(engine, this.#countsOf(labels, report));
    }
    if (directoryBytes === undefined) this.#directory.remove();
    else this.#directory.set(directoryBytes);
  }

  #countsOf(labels: Labels, { host, disk, moved }: PromptCacheReport): Count[] {
    const counts: Count[] = [];
    const add = (counter: Counter, value: number, more: Labels = {}): void => {
      counts.push({ counter, labels: { ...labels, ...more }, value });
    };
    const addEach = (
      counter: Counter,
      label: string,
      values: Readonly<Partial<Record<string, number>>>,
    ): void => {
      for (const [name, value = 0] of Object.entries(values)) add(counter, value, { [label]: name });
    };
    if (host !== undefined) add(this.#hits, host.hits, { tier: 'host' });
    if (moved !== undefined) {
      addEach(this.#saved, 'kind', { block: moved.savedBlocks, snapshot: moved.savedSnapshots });
      add(this.#restored, moved.restoredTokens);
      add(this.#faults, moved.faults, { kind: 'library' });
    }
    if (disk === undefined) return counts;
    add(this.#hits, disk.hits, { tier: 'disk' });
    add(this.#writes, disk.dropped, { outcome: 'dropped' });
    add(this.#faults, disk.unanswered, { kind: 'unanswered' });
    if (disk.directory === undefined) return counts;
    const { writes, writtenBytes, faults, errors } = disk.directory;
    addEach(this.#writes, 'outcome', writes);
    add(this.#writtenBytes, writtenBytes);
    addEach(this.#faults, 'kind', faults);
    addEach(this.#errors, 'error', errors);
    return counts;
  }

  /** What a report says nothing about, since its disk does not answer, keeps its counts. */
  #count(engine: Engine, counts: readonly Count[]): void {
    const counted = this.#counted.get(engine) ?? new Map<Counter, Map<string, number>>();
    this.#counted.set(engine, counted);
    for (const { counter, labels, value } of counts) {
      const known = counted.get(counter) ?? new Map<string, number>();
      counted.set(counter, known);
      const key = JSON.stringify(labels);
      counter.inc(labels, Math.max(0, value - (known.get(key) ?? 0)));
      known.set(key, value);
    }
  }
}
