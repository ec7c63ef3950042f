/** What a running benchmark tells. */
export interface BenchObserver {
  /** This part of all requests has ended, 0 to 1. */
  progress(part: number, doing: string): void;
}

/** What of an output stream is used here. */
export type Terminal = Pick<NodeJS.WriteStream, 'isTTY' | 'columns' | 'write'>;

const width = 30;

/** Shows on one line of a terminal how far a benchmark is; elsewhere nothing. */
export class ProgressBar implements BenchObserver {
  readonly #out: Terminal;
  #shown = false;

  constructor(out: Terminal) {
    this.#out = out;
  }

  progress(part: number, doing: string): void {
    if (!this.#out.isTTY) return;
    const filled = Math.round(Math.min(1, part) * width);
    const bar = '#'.repeat(filled) + '.'.repeat(width - filled);
    const line = `[${bar}] ${String(Math.floor(Math.min(1, part) * 100)).padStart(3)} % ${doing}`;
    // A line that is wrapped could not be taken away again.
    this.#out.write(`\r${line.slice(0, this.#out.columns - 1)}\u001b[K`);
    this.#shown = true;
  }

  /** Takes the bar away. */
  clear(): void {
    if (this.#shown) this.#out.write('\r\u001b[K');
    this.#shown = false;
  }
}
