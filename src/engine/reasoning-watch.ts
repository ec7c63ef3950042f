import type { ReasoningLimit } from '../core/reasoning-limit.js';

/** A character has four bytes at most. */
const mostPending = 3;

/** Counts the tokens of reasoning in an output, as its text comes. */
export class ReasoningWatch {
  readonly #limit: ReasoningLimit;
  readonly #decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  #state: 'before' | 'inside' | 'over';
  /** The text in which the next marker may be. */
  #text = '';
  #tokens = 0;
  /** Bytes that the last character lacks. */
  #pending = 0;

  constructor(limit: ReasoningLimit) {
    this.#limit = limit;
    this.#state = limit.open === undefined ? 'inside' : 'before';
  }

  /** Reasoning has used up its tokens, and is to be ended before another one is drawn. */
  get isDue(): boolean {
    if (this.#state !== 'inside' || this.#tokens < this.#limit.tokens) return false;
    return this.#pending === 0 || this.#tokens >= this.#limit.tokens + mostPending;
  }

  /** Another token was generated. @param bytes of its text */
  push(bytes: Uint8Array): void {
    for (const byte of bytes) this.#pending = pendingAfter(byte, this.#pending);
    if (this.#state === 'inside') this.#tokens++;
    if (this.#state === 'over') return;
    this.#text += this.#decoder.decode(bytes, { stream: true });
    while (this.#pass());
  }

  /** What ends reasoning has been written, whether it could be seen in the text or not. */
  end(): void {
    if (this.#state === 'inside') this.#state = this.#limit.anywhere === true ? 'before' : 'over';
  }

  /** Goes on behind the next marker. @returns false when there is none yet */
  #pass(): boolean {
    const { open = '', close, ends = [], anywhere = false } = this.#limit;
    const markers = (this.#state === 'inside' ? [close, ...ends] : [open]).filter((one) => one !== '');
    if (this.#state === 'over' || markers.length === 0) return false;
    const isFixed = this.#state === 'before' && !anywhere;
    const text = isFixed ? this.#text.trimStart() : this.#text;
    const [first] = markers
      .map((marker) => ({ marker, at: isFixed ? (text.startsWith(marker) ? 0 : -1) : text.indexOf(marker) }))
      .filter(({ at }) => at >= 0)
      .toSorted((one, other) => one.at - other.at);
    if (first !== undefined) {
      this.#text = text.slice(first.at + first.marker.length);
      this.#state = this.#state === 'before' ? 'inside' : anywhere ? 'before' : 'over';
      return true;
    }
    if (isFixed && !markers.some((marker) => marker.startsWith(text))) this.#state = 'over';
    const longest = Math.max(...markers.map(({ length }) => length));
    this.#text = isFixed ? text : text.slice(Math.max(0, text.length - longest + 1));
    return false;
  }
}

function pendingAfter(byte: number, pending: number): number {
  if (byte >= 0xf0) return 3;
  if (byte >= 0xe0) return 2;
  if (byte >= 0xc0) return 1;
  return byte >= 0x80 ? Math.max(0, pending - 1) : 0;
}
