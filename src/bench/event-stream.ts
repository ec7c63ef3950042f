/**
 * Takes server-sent events apart as they arrive (WHATWG HTML, 9.2.6): only their data is of interest here. A chunk may
 * end anywhere.
 */
export class EventStream {
  #pending = '';
  #data: string | undefined;

  /** The data of each event that this chunk completes. */
  push(chunk: string): string[] {
    const events: string[] = [];
    const text = this.#pending + chunk;
    let start = 0;
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', start)) {
      const line = text.slice(start, text[end - 1] === '\r' && end > start ? end - 1 : end);
      start = end + 1;
      if (line === '') {
        if (this.#data !== undefined) events.push(this.#data);
        this.#data = undefined;
      } else if (line.startsWith('data:')) {
        const value = line.slice(line[5] === ' ' ? 6 : 5);
        this.#data = this.#data === undefined ? value : `${this.#data}\n${value}`;
      }
    }
    this.#pending = text.slice(start);
    return events;
  }
}
