import { AutomatonWork } from '../automaton-work.js';
import { limits } from '../limits.js';
import type { Notation } from './notation.js';
import { unsupportedSchema, type Conjunction } from './schema-source.js';

/** What is no longer than that stands where it is used. */
const shortest = 8;

/** Collects the rules that a schema becomes, and the parts of it whose rules are still to be written. */
export class RuleWriter {
  readonly notation: Notation;
  /** What all automata of the schema may take. */
  readonly work: AutomatonWork;
  readonly #name: string;
  readonly #path: string;
  readonly #rules: Map<string, string>;
  readonly #names = new Map<string, string>();
  readonly #pending: { readonly name: string; readonly all: Conjunction }[] = [];
  /** Rules of characters, by what they say. */
  readonly #characters = new Map<string, string>();
  #count = 0;

  /**
   * @param name of the first rule; all others begin with it
   * @param path of the schema
   * @param notation of the values
   * @param work what all automata of the schema may take
   */
  constructor(
    name: string,
    path: string,
    notation: Notation,
    work = new AutomatonWork(limits.schemaAutomatonWork),
  ) {
    this.work = work;
    this.notation = notation;
    this.#name = name;
    this.#path = path;
    this.#rules = new Map(notation.rules);
  }

  get rules(): ReadonlyMap<string, string> {
    return this.#rules;
  }

  /** The next schemas that have a rule's name but no rule. */
  next(): { readonly name: string; readonly all: Conjunction } | undefined {
    return this.#pending.pop();
  }

  /** The rule of the values that satisfy all of these. */
  ruleOf(all: Conjunction): string {
    const own = [...new Map(all.map((source) => [source.path, source])).values()].filter(
      ({ schema }) => schema !== true && !(typeof schema === 'object' && Object.keys(schema).length === 0),
    );
    if (own.length === 0 && this.#count > 0) return this.notation.value;
    const key = own.map(({ path }) => path).join('\n');
    const known = this.#names.get(key);
    if (known !== undefined) return known;
    const name = this.#count === 0 ? this.#name : this.newName();
    this.#count ||= 1;
    this.#names.set(key, name);
    this.#pending.push({ name, all: own });
    return name;
  }

  /** A character of some: a rule of its own where it is long, since automata have it in many places. */
  character(text: string): string {
    if (text.length <= shortest) return text;
    let name = this.#characters.get(text);
    if (name === undefined) {
      name = this.add(text);
      this.#characters.set(text, name);
    }
    return name;
  }

  newName(): string {
    return `${this.#name}-${this.#count++}`;
  }

  /** Adds a rule under a new name, unless its text is short enough to stand where it is used. @returns what refers to it */
  add(text: string): string {
    const name = this.newName();
    this.set(name, text);
    return name;
  }

  /** @throws HeddleError `unsupported_schema` when there are too many */
  set(name: string, text: string): void {
    this.#rules.set(name, text);
    if (this.#rules.size > limits.rules)
      throw unsupportedSchema(this.#path, `it comes to more than ${limits.rules} rules of a grammar.`);
  }
}
