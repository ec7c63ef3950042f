/**
 * Turns the bytes of tokens into text that can be shown: whole UTF-8 characters, and nothing of a stop string, even
 * when character or stop string straddle tokens.
 */
export class TextStream {
  readonly #decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  readonly #stopStrings: readonly string[];
  /** Text held back because a stop string may be starting in it. */
  #held = '';
  #released = 0;

  /** @param stopStrings non-empty texts to end before */
  constructor(stopStrings: readonly string[]) {
    this.#stopStrings = stopStrings;
  }

  /** How much text is out, UTF-16 units. */
  get released(): number {
    return this.#released;
  }

  /** Where the text of the next token begins, counted as {@link released}: behind what is held, too. */
  get length(): number {
    return this.#released + this.#held.length;
  }

  /** Takes the bytes of the next token. `stopString` is set when the text ended before that string. */
  push(bytes: Uint8Array): { text: string; stopString?: string } {
    return this.#release(this.#decoder.decode(bytes, { stream: true }));
  }

  /** No more tokens follow: what is held, with U+FFFD for a character that was cut off. */
  end(): { text: string; stopString?: string } {
    const last = this.#release(this.#decoder.decode());
    if (last.stopString !== undefined) return last;
    const text = last.text + this.#held;
    this.#released += this.#held.length;
    this.#held = '';
    return { text };
  }

  #release(addition: string): { text: string; stopString?: string } {
    const text = this.#held + addition;
    const found = firstStop(text, this.#stopStrings);
    if (found !== undefined) {
      this.#held = '';
      this.#released += found.index;
      return { text: text.slice(0, found.index), stopString: found.stopString };
    }
    const keep = heldLength(text, this.#stopStrings);
    this.#held = text.slice(text.length - keep);
    this.#released += text.length - keep;
    return { text: text.slice(0, text.length - keep) };
  }
}

/**
 * The stop string that is complete first, and of several the one that began first: what reading character by character
 * would find, so that the text does not depend on how tokens cut it.
 */
function firstStop(
  text: string,
  stopStrings: readonly string[],
): { index: number; stopString: string } | undefined {
  let first: { index: number; stopString: string } | undefined;
  let firstEnd = Infinity;
  for (const stopString of stopStrings) {
    const index = text.indexOf(stopString);
    const end = index + stopString.length;
    if (index < 0 || end > firstEnd) continue;
    if (first === undefined || end < firstEnd || index < first.index) first = { index, stopString };
    firstEnd = end;
  }
  return first;
}

/** Length of the longest end of the text that a stop string begins with. */
function heldLength(text: string, stopStrings: readonly string[]): number {
  let held = 0;
  for (const stopString of stopStrings) {
    for (let length = Math.min(text.length, stopString.length - 1); length > held; length--) {
      if (text.endsWith(stopString.slice(0, length))) held = length;
    }
  }
  return held;
}
