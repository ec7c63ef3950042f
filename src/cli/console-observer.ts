import type { SettleReport } from '../core/memory.js';
import type { Engine } from '../engine/engine.js';
import type { PoolObserver } from '../pool/engine-pool.js';
import type { EngineState } from '../pool/engine-state.js';
import type { ManagedModel } from '../pool/managed-model.js';
import type { ModelFile } from '../pool/model-catalogue.js';
import { formatBytes } from './format-bytes.js';

/** Tells the person at the terminal what happens to models: one line each, and a running percentage on a terminal. */
export class ConsoleObserver implements PoolObserver {
  readonly #out: NodeJS.WriteStream;

  constructor(out: NodeJS.WriteStream) {
    this.#out = out;
  }

  changed({ file, state, engine }: ManagedModel, from: EngineState): void {
    const { id } = file;
    switch (state.kind) {
      case 'loading':
        this.#start(`loading ${id} (${formatBytes(file.bytes)})`);
        return;
      case 'ready':
        this.#line(
          `loaded ${id}${from.kind === 'loading' ? ` in ${seconds(from.since)} s` : ''}: ${describe(engine)}`,
        );
        return;
      case 'unloaded':
        if (from.kind === 'settling') this.#line(`unloaded ${id}`);
        return;
      case 'failed':
        this.#line(`could not load ${id}: ${state.error.message} (${state.error.code})`);
        return;
      case 'quarantined':
        this.#line(`${id} did not unload; its thread and memory stay until the server ends`);
        return;
      case 'queued':
      case 'draining':
      case 'unloading':
      case 'settling':
        return;
    }
  }

  progress({ id, bytes }: ModelFile, fraction: number): void {
    if (!this.#out.isTTY) return;
    const percent = String(Math.round(fraction * 100)).padStart(3);
    this.#out.write(`\rloading ${id} (${formatBytes(bytes)}) ${percent} %`);
  }

  lost({ id }: ModelFile, { lastWords }: Engine): void {
    this.#line(`the engine of ${id} ended unexpectedly; the next request loads it again`);
    for (const line of lastWords.split('\n').slice(-5)) if (line !== '') this.#line(`  | ${line}`);
  }

  settled({ id }: ModelFile, { verdict, gpu, expectedBytes, returnedBytes = 0 }: SettleReport): void {
    if (verdict === 'leaked') {
      const missingOnGpu = gpu === undefined ? 0 : gpu.expectedBytes - (gpu.returnedBytes ?? 0);
      const missing = formatBytes(Math.max(0, expectedBytes - returnedBytes) + Math.max(0, missingOnGpu));
      this.#line(`${missing} of ${id} did not come back; they stay on the books until the server ends`);
    }
  }

  /** On a terminal the percentage follows on the same line. */
  #start(text: string): void {
    this.#out.write(this.#out.isTTY ? text : `${text}\n`);
  }

  /** On a terminal the line takes the place of the percentage. */
  #line(text: string): void {
    this.#out.write(this.#out.isTTY ? `\r${text}\u001b[K\n` : `${text}\n`);
  }
}

function seconds(since: number): string {
  return ((Date.now() - since) / 1000).toFixed(1);
}

function describe(engine: Engine | undefined): string {
  if (engine === undefined) return '';
  const { description, contextSize, slots } = engine.info;
  return `${description}, context ${contextSize}, ${slots} at once`;
}
