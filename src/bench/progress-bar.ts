/** What a running benchmark tells. */
export interface BenchObserver {
  /** This part of all requests has ended. */
  progress(part: number, doing: string): void;
  /** Something that the person at the terminal should know. */
  note(text: string): void;
}

const width = 30;

/** Shows how far a benchmark is, on a terminal; elsewhere only its notes. */
export class ProgressBar implements BenchObserver {
  readonly #out: NodeJS.WriteStream;
  #shown = false;

  constructor(out: NodeJS.WriteStream) {
    this.#out = out;
  }

  progress(part: number, doing: string): void {
    if (!this.#out.isTTY) return;
    const filled = Math.round(Math.min(1, part) * width);
    const bar = '#'.repeat(filled) + '.'.repeat(width - filled);
    this.#out.write(
      `\r[${bar}] ${String(Math.floor(Math.min(1, part) * 100)).padStart(3)} % ${doing}\u001b[K`,
    );
    this.#shown = true;
  }

  note(text: string): void {
    this.clear();
    this.#out.write(`${text}\n`);
  }

  /** Takes the bar away. */
  clear(): void {
    if (this.#shown) this.#out.write('\r\u001b[K');
    this.#shown = false;
  }
}
