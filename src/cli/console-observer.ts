import { toHeddleError } from '../core/errors.js';
import type { Engine } from '../engine/engine.js';
import type { PoolObserver } from '../pool/engine-pool.js';
import type { ModelFile } from '../pool/model-catalogue.js';
import { formatBytes } from './format-bytes.js';

/** Tells the person at the terminal what happens to models: one line each, and a running percentage on a terminal. */
export class ConsoleObserver implements PoolObserver {
  readonly #out: NodeJS.WriteStream;

  constructor(out: NodeJS.WriteStream) {
    this.#out = out;
  }

  loading({ id, bytes }: ModelFile, fraction: number): void {
    const line = `loading ${id} (${formatBytes(bytes)})`;
    if (this.#out.isTTY) this.#out.write(`\r${line} ${String(Math.round(fraction * 100)).padStart(3)} %`);
    else if (fraction === 0) this.#out.write(`${line}\n`);
  }

  loaded({ id }: ModelFile, { info }: Engine, milliseconds: number): void {
    const seconds = (milliseconds / 1000).toFixed(1);
    this.#line(
      `loaded ${id} in ${seconds} s: ${info.description}, context ${info.contextSize}, ${info.slots} at once`,
    );
  }

  failed({ id }: ModelFile, error: unknown): void {
    const { code, message } = toHeddleError(error);
    this.#line(`could not load ${id}: ${message} (${code})`);
  }

  ended({ id }: ModelFile, { lastWords }: Engine, expected: boolean): void {
    if (expected) {
      this.#line(`unloaded ${id}`);
      return;
    }
    this.#line(`the engine of ${id} ended unexpectedly; the next request loads it again`);
    for (const line of lastWords.split('\n').slice(-5)) if (line !== '') this.#line(`  | ${line}`);
  }

  #line(text: string): void {
    // On a terminal the line takes the place of the percentage.
    this.#out.write(this.#out.isTTY ? `\r${text}\u001b[K\n` : `${text}\n`);
  }
}
