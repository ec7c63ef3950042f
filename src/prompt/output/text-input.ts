import type { FinishReason } from '../../core/generation.js';

/** A part of a grammar that reads text: it yields where it needs more of it. */
export type Reading<Result> = Generator<undefined, Result, undefined>;

/** Names and headers are short; what is longer is something else. */
const longestHeader = 256;

const jsonSpace = /[ \t\r\n]/;
const anySpace = /\s/;

/**
 * The text of an output for the grammars that read it. They ask for what they need; those of its methods that read ahead
 * yield until it is there, so that a grammar reads as if the text were whole.
 */
export class TextInput {
  #text = '';
  #at = 0;
  #end: FinishReason | undefined;
  #recorded: string | undefined;

  push(text: string): void {
    this.#text = this.#text.slice(this.#at) + text;
    this.#at = 0;
  }

  end(reason: FinishReason): void {
    this.#end = reason;
  }

  /** All was taken, and the output was cut off there. */
  get cutOff(): boolean {
    return this.#end === 'length' && this.#at === this.#text.length;
  }

  /** What was taken is kept from here on, for {@link recorded}. */
  record(): void {
    this.#recorded = '';
  }

  /** What was taken since {@link record}. */
  get recorded(): string {
    return this.#recorded ?? '';
  }

  /** Takes what is known to be there. */
  take(count: number): string {
    const text = this.#text.slice(this.#at, this.#at + count);
    this.#at += text.length;
    if (this.#recorded !== undefined) this.#recorded += text;
    return text;
  }

  /** The next character, not taken; empty at the end. */
  *peek(): Reading<string> {
    while (this.#at === this.#text.length) if (!(yield* this.#more())) return '';
    return this.#text.charAt(this.#at);
  }

  /** The next characters, so many unless the text ends, not taken. */
  *ahead(count: number): Reading<string> {
    while (this.#text.length - this.#at < count) if (!(yield* this.#more())) break;
    return this.#text.slice(this.#at, this.#at + count);
  }

  /** Takes this text, if it stands here. */
  *literal(text: string): Reading<boolean> {
    const isHere = (yield* this.choose([text])) !== undefined;
    if (isHere) this.take(text.length);
    return isHere;
  }

  /** Which of these texts stands here, not taken; the longest of several. */
  *choose(texts: readonly string[]): Reading<string | undefined> {
    for (;;) {
      const rest = this.#text.slice(this.#at);
      const mayCome = texts.some((text) => text.length > rest.length && text.startsWith(rest));
      if (mayCome && (yield* this.#more())) continue;
      return longest(texts.filter((text) => rest.startsWith(text)));
    }
  }

  /** Which of these texts stands behind the white space here, none of it taken. */
  *chooseBehindSpaces(texts: readonly string[]): Reading<string | undefined> {
    for (;;) {
      const rest = this.#text.slice(this.#at).trimStart();
      const mayCome = texts.some((text) => text.length > rest.length && text.startsWith(rest));
      if (mayCome && (yield* this.#more())) continue;
      return longest(texts.filter((text) => rest.startsWith(text)));
    }
  }

  /** Takes white space, up to what is none. */
  *spaces(): Reading<string> {
    return yield* this.#run(anySpace);
  }

  /** Takes the white space that JSON knows. */
  *jsonSpaces(): Reading<string> {
    return yield* this.#run(jsonSpace);
  }

  /** Takes the characters that match and are there already, after waiting for one. */
  *someOf(character: RegExp): Reading<string> {
    yield* this.peek();
    let end = this.#at;
    while (end < this.#text.length && character.test(this.#text.charAt(end))) end++;
    return this.take(end - this.#at);
  }

  /** Takes characters as long as they match, `most` at most. */
  *word(character: RegExp, most = longestHeader): Reading<string> {
    return yield* this.#run(character, most);
  }

  /**
   * Takes a name, up to one of these texts, which is not taken.
   * @returns undefined where none of them comes before the end of the line, or soon
   */
  *header(ends: readonly string[]): Reading<{ readonly text: string; readonly end: string } | undefined> {
    for (let text = ''; text.length <= longestHeader; text += this.take(1)) {
      const end = yield* this.choose(ends);
      if (end !== undefined) return { text, end };
      const next = yield* this.peek();
      if (next === '' || next === '\n') return undefined;
    }
    return undefined;
  }

  /**
   * Hands over text up to the first of these markers, which is not taken.
   * @param markers none of them the beginning of another
   * @param trim white space before a marker is not handed over, nor taken
   * @returns the marker; undefined where there is none: then all is taken
   */
  *until(
    markers: readonly string[],
    handOver: (text: string) => void,
    { trim = false }: { trim?: boolean } = {},
  ): Reading<string | undefined> {
    const length = (text: string): number => (trim ? text.trimEnd().length : text.length);
    for (;;) {
      const rest = this.#text.slice(this.#at);
      const found = firstOf(markers, rest);
      const sure = this.#end === undefined ? openEnd(markers, rest) : rest.length;
      if (found !== undefined && found.index <= sure) {
        this.#handOver(length(rest.slice(0, found.index)), handOver);
        return found.marker;
      }
      this.#handOver(this.#end === undefined ? length(rest.slice(0, sure)) : sure, handOver);
      if (!(yield* this.#more())) return undefined;
    }
  }

  #handOver(count: number, handOver: (text: string) => void): void {
    if (count > 0) handOver(this.take(count));
  }

  *#run(character: RegExp, most = Infinity): Reading<string> {
    let run = '';
    for (;;) {
      while (run.length < most && character.test(this.#text.charAt(this.#at))) run += this.take(1);
      if (run.length >= most || this.#at < this.#text.length || !(yield* this.#more())) return run;
    }
  }

  /** @returns false when there will be no more */
  *#more(): Reading<boolean> {
    if (this.#end !== undefined) return false;
    yield;
    return true;
  }
}

function longest(texts: readonly string[]): string | undefined {
  return texts.toSorted((a, b) => b.length - a.length)[0];
}

/** The marker that begins first in a text. */
function firstOf(
  markers: readonly string[],
  text: string,
): { readonly index: number; readonly marker: string } | undefined {
  let first: { index: number; marker: string } | undefined;
  for (const marker of markers) {
    const index = text.indexOf(marker);
    if (index >= 0 && index < (first?.index ?? Infinity)) first = { index, marker };
  }
  return first;
}

/** Where a text's end begins that more text may make a marker of; its length where there is none. */
function openEnd(markers: readonly string[], text: string): number {
  let start = text.length;
  for (const marker of markers) {
    for (let length = Math.min(marker.length - 1, text.length); length > text.length - start; length--) {
      if (text.endsWith(marker.slice(0, length))) start = text.length - length;
    }
  }
  return start;
}
