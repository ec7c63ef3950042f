import type { Readable } from 'node:stream';

const kept = 4096;

/** Reads a stream to its end and keeps the last of it: what a process said before it died. */
export class LastLines {
  #text = '';

  constructor(stream: Readable | null) {
    stream?.setEncoding('utf8');
    stream?.on('data', (text: string) => {
      this.#text = (this.#text + text).slice(-kept);
    });
  }

  /** The last lines, at most 4096 characters; the first one may be cut. */
  get text(): string {
    return this.#text.trim();
  }
}
