import { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument, visit, type Document } from 'yaml';

/** Where something stands in the file; lines and columns count from 1. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

/** Keys and list positions from the top of the file to a value. */
export type Path = readonly (string | number)[];

/** Something wrong with the file as YAML. */
export interface SyntaxProblem extends Place {
  readonly message: string;
}

/** A YAML file as plain data, which knows where each key and value stands. */
export class YamlSource {
  /** Null for an empty file, and where it could not be read. */
  readonly value: unknown;
  /** What is wrong with it as YAML, in the order of the file. */
  readonly problems: readonly SyntaxProblem[];
  /** Whether {@link value} is what the file says, apart from the problems. */
  readonly readable: boolean;
  readonly #document: Document;
  readonly #lines = new LineCounter();

  constructor(text: string) {
    this.#document = parseDocument(text, {
      lineCounter: this.#lines,
      prettyErrors: false,
      logLevel: 'error',
    });
    const { errors, warnings } = this.#document;
    const problems = [...errors, ...warnings].map(({ code, message, pos }) => ({
      ...this.#placeOf(pos[0]),
      message: code === 'DUPLICATE_KEY' ? 'this key is there twice' : message,
    }));
    let value: unknown = null;
    let readable = errors.every(({ code }) => code === 'DUPLICATE_KEY');
    if (readable) {
      const anchors = this.#unknownAnchors();
      problems.push(...this.#oddKeys(), ...anchors);
      readable = anchors.length === 0;
    }
    if (readable) {
      try {
        value = this.#document.toJS();
      } catch (error) {
        readable = false; // anchors that multiply: the library stops at a hundred repetitions
        problems.push({ line: 1, column: 1, message: String(error) });
      }
    }
    this.value = value;
    this.readable = readable;
    this.problems = problems.toSorted((a, b) => a.line - b.line || a.column - b.column);
  }

  /**
   * Where the value of a path stands, or as much of the path as there is.
   * @param of `key` for the place of the last key itself
   */
  placeOf(path: Path, of: 'key' | 'value' = 'value'): Place {
    let node: unknown = this.#document.contents;
    let offset = rangeOf(node);
    for (const [depth, part] of path.entries()) {
      if (isAlias(node)) node = node.resolve(this.#document);
      if (isMap(node)) {
        const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === String(part));
        if (pair === undefined) break;
        const atKey = of === 'key' && depth === path.length - 1;
        // A key without a value has an empty one somewhere behind it: its own place is where one looks.
        const empty = isScalar(pair.value) && pair.value.value === null && pair.value.source === '';
        offset = rangeOf(atKey || empty || pair.value === null ? pair.key : pair.value) ?? offset;
        node = pair.value;
      } else if (isSeq(node)) {
        node = node.items[Number(part)];
        offset = rangeOf(node) ?? offset;
      } else break;
    }
    return this.#placeOf(offset ?? 0);
  }

  #placeOf(offset: number): Place {
    const { line, col } = this.#lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  }

  #problem(node: unknown, message: string): SyntaxProblem {
    return { ...this.#placeOf(rangeOf(node) ?? 0), message };
  }

  #unknownAnchors(): SyntaxProblem[] {
    const found: SyntaxProblem[] = [];
    visit(this.#document, {
      Alias: (_, alias) => {
        if (alias.resolve(this.#document) !== undefined) return;
        const message = `there is no anchor &${alias.source}; text that begins with * must be in quotes`;
        found.push(this.#problem(alias, message));
      },
    });
    return found;
  }

  /** Keys that YAML allows, and that plain data would hold as something else than was written. */
  #oddKeys(): SyntaxProblem[] {
    const found: SyntaxProblem[] = [];
    visit(this.#document, {
      Pair: (_, { key }) => {
        if (!isScalar(key)) found.push(this.#problem(key, 'a key must be text'));
        else if (typeof key.value !== 'string') {
          const message = `the key ${key.source ?? ''} must be in quotes: to YAML it is no text`;
          found.push(this.#problem(key, message));
        } else if (key.value === '__proto__') {
          found.push(this.#problem(key, 'this key is not possible'));
        }
      },
    });
    return found;
  }
}

function rangeOf(node: unknown): number | undefined {
  return (node as { range?: readonly number[] | null } | null | undefined)?.range?.[0];
}
