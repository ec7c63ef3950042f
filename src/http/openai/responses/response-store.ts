import { HeddleError } from '../../../core/errors.js';
import type { ResponseLimits } from '../../../core/response-limits.js';
import { History } from './history.js';
import type { Item } from './item.js';

/** A response that can be asked for again. */
export interface StoredResponse {
  /** As it was answered. */
  readonly body: object;
  /** What it answers: all that was said before, as far as the client sent it, or went on from. */
  readonly input: readonly Item[];
  /** What responses that go on from it begin with. */
  readonly history: History;
}

/** What is to be stored. */
export interface NewResponse {
  readonly id: string;
  /** Whose it is. */
  readonly owner: string;
  readonly body: object;
  /** What it goes on from. */
  readonly before: History | undefined;
  /** Sent with the request. */
  readonly input: readonly Item[];
  /** That others can go on from. */
  readonly output: readonly Item[];
}

interface Entry {
  readonly body: object;
  readonly inputHistory: History;
  readonly history: History;
  /** Its own, beside those of the history. */
  readonly bytes: number;
}

interface Shelf {
  /** By id, the oldest first; asking for one makes it the youngest. */
  readonly entries: Map<string, Entry>;
  bytes: number;
}

/**
 * Responses that can be asked for or gone on from, in memory and nowhere else. Everybody has their own, and whoever has
 * most loses the oldest when there are too many.
 */
export class ResponseStore {
  readonly #limits: () => ResponseLimits;
  readonly #shelves = new Map<string, Shelf>();

  /** @param limits what holds at the moment; asked for with each response that is stored */
  constructor(limits: () => ResponseLimits) {
    this.#limits = limits;
  }

  /** Responses of everybody. */
  get count(): number {
    return this.#sum(({ entries }) => entries.size);
  }

  /** Of everybody, bytes of JSON. */
  get bytes(): number {
    return this.#sum(({ bytes }) => bytes);
  }

  /** Stores a response. One that is larger than all that may be stored is not. */
  add({ id, owner, body, before, input, output }: NewResponse): void {
    const inputHistory = new History(before, input);
    const history = new History(inputHistory, output);
    const bytes = Buffer.byteLength(JSON.stringify(body));
    const limits = this.#limits();
    const held = history.hold();
    if (bytes + held > limits.bytes) {
      history.release();
      return;
    }
    const shelf = this.#shelves.get(owner) ?? { entries: new Map<string, Entry>(), bytes: 0 };
    this.#shelves.set(owner, shelf);
    shelf.bytes += bytes + held;
    shelf.entries.set(id, { body, inputHistory, history, bytes });
    while (this.count > limits.count) this.#dropOldest(({ entries }) => entries.size);
    while (this.bytes > limits.bytes) this.#dropOldest((one) => one.bytes);
  }

  /** @throws HeddleError `response_not_found`, also for one of somebody else */
  get(owner: string, id: string, param?: string): StoredResponse {
    const shelf = this.#shelves.get(owner);
    const entry = shelf?.entries.get(id);
    if (shelf === undefined || entry === undefined) throw notFound(id, param);
    shelf.entries.delete(id);
    shelf.entries.set(id, entry);
    return { body: entry.body, input: entry.inputHistory.items(), history: entry.history };
  }

  /** What others go on from stays for them. @throws HeddleError `response_not_found` */
  delete(owner: string, id: string): void {
    const shelf = this.#shelves.get(owner);
    if (shelf?.entries.has(id) !== true) throw notFound(id);
    this.#remove(owner, shelf, id);
  }

  #dropOldest(size: (shelf: Shelf) => number): void {
    const [largest] = [...this.#shelves].toSorted(([, one], [, other]) => size(other) - size(one));
    if (largest === undefined) return;
    const [owner, shelf] = largest;
    const [id] = shelf.entries.keys();
    if (id !== undefined) this.#remove(owner, shelf, id);
  }

  #remove(owner: string, shelf: Shelf, id: string): void {
    const entry = shelf.entries.get(id);
    if (entry === undefined) return;
    shelf.entries.delete(id);
    shelf.bytes -= entry.bytes + entry.history.release();
    if (shelf.entries.size === 0) this.#shelves.delete(owner);
  }

  #sum(size: (shelf: Shelf) => number): number {
    return [...this.#shelves.values()].reduce((total, shelf) => total + size(shelf), 0);
  }
}

function notFound(id: string, param?: string): HeddleError {
  return new HeddleError(
    'response_not_found',
    `There is no response "${id}": it was not stored, was deleted, or had to make room for others.`,
    param === undefined ? {} : { param },
  );
}
