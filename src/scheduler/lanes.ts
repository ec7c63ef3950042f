import { HeddleError } from '../core/errors.js';
import type { Token } from '../core/generation.js';
import { CellTable } from './cell-table.js';
import { PrefixTree } from './prefix-tree.js';

/** What a lane holds, and who may share it. */
export interface LaneContent {
  readonly scope: string;
  readonly tokens: readonly Token[];
}

/** What is to be done to the KV cache, in order. */
export type LaneOperation =
  /** The lane loses all it holds; `content` where it is worth keeping elsewhere. */
  | { readonly kind: 'empty'; readonly lane: number; readonly content?: LaneContent }
  /** The lane keeps its first `length` tokens; `content` is what it holds before. */
  | { readonly kind: 'cut'; readonly lane: number; readonly length: number; readonly content: LaneContent }
  /** The empty lane `target` shares the first `count` tokens of `source`, without copying. */
  | { readonly kind: 'share'; readonly source: number; readonly target: number; readonly count: number };

/** A lane that begins as a prompt does. */
export interface Reusable {
  readonly lane: number;
  readonly count: number;
}

/** How lanes may be used. */
export interface LaneLimits {
  readonly lanes: number;
  /** Cells that finished sequences may keep beside the running ones. */
  readonly residentCells: number;
  /** The tail of a lane can be removed; else a lane can only be shared, or gone on with, as a whole. */
  readonly canCut: boolean;
}

/**
 * The lanes of the KV cache: free, taken by a running sequence, or resident: a finished sequence that stays, so that the
 * next prompt that begins as it does shares its cells. The resident that was used longest ago is the first to go.
 *
 * It decides nothing about running sequences, and touches no cache: it tells what is to be done, in {@link takeOperations}.
 */
export class Lanes {
  readonly #limits: LaneLimits;
  readonly #table: CellTable;
  readonly #free: number[];
  /** In the order of their last use. */
  readonly #residents = new Map<number, LaneContent>();
  /** By scope: what the lanes of that scope hold. */
  readonly #trees = new Map<string, PrefixTree<number>>();
  readonly #scopes = new Map<number, string>();
  #operations: LaneOperation[] = [];

  constructor(limits: LaneLimits) {
    this.#limits = limits;
    this.#table = new CellTable(limits.lanes);
    this.#free = Array.from({ length: limits.lanes }, (_, lane) => limits.lanes - 1 - lane);
  }

  /** Cells in use. */
  get usedCells(): number {
    return this.#table.used;
  }

  /** Lanes of finished sequences, that used longest ago first. */
  get residents(): ReadonlyMap<number, LaneContent> {
    return this.#residents;
  }

  /** Cells that no lane but residents' refers to. */
  get residentCells(): number {
    const running: number[] = [];
    for (let lane = 0; lane < this.#limits.lanes; lane++) if (!this.#residents.has(lane)) running.push(lane);
    return this.#table.used - this.#table.usedBy(running);
  }

  /** Cells that at least one of these lanes refers to. */
  usedBy(lanes: Iterable<number>): number {
    return this.#table.usedBy(lanes);
  }

  /** What was decided since the last call, in the order in which it is to be done. */
  takeOperations(): readonly LaneOperation[] {
    const operations = this.#operations;
    this.#operations = [];
    return operations;
  }

  /**
   * The lane with the longest prefix in common with a prompt.
   * @param most tokens to share
   */
  find(scope: string, tokens: readonly Token[], most: number): Reusable | undefined {
    const tree = this.#trees.get(scope);
    if (tree === undefined) return undefined;
    if (!this.#limits.canCut) {
      const { length: count, owner: lane } = tree.longestWhole(tokens, most);
      return lane === undefined ? undefined : { lane, count };
    }
    const { length, owner: lane } = tree.match(tokens);
    const count = Math.min(length, most);
    return lane === undefined || count === 0 ? undefined : { lane, count };
  }

  /**
   * A lane for a sequence. There must be one that is free or resident.
   * @param scope of those who may share what it will hold; nobody when absent
   * @param tokens of the sequence
   * @param reused what it begins with
   * @param options.cutSource the lane that is reused need not stay as it is: there is no room for it beside the sequence
   */
  take(
    scope: string | undefined,
    tokens: readonly Token[],
    reused?: Reusable,
    { cutSource = false }: { cutSource?: boolean } = {},
  ): number {
    const source = reused === undefined ? undefined : this.#residents.get(reused.lane);
    if (reused !== undefined && source !== undefined) {
      const whole = source.tokens.length === reused.count;
      const alone = this.#free.length === 0 && this.#residents.size === 1;
      if (whole || cutSource || alone) return this.#goOn(reused);
      this.#residents.delete(reused.lane);
      this.#residents.set(reused.lane, source); // used just now
    }
    if (this.#free.length === 0) this.evict(reused?.lane);
    const lane = this.#free.pop();
    if (lane === undefined) throw new HeddleError('internal_error', 'Every lane of the KV cache is taken.');
    if (scope !== undefined) {
      this.#scopes.set(lane, scope);
      this.#treeOf(scope).insert(lane, []);
    }
    if (reused !== undefined) {
      this.#operations.push({ kind: 'share', source: reused.lane, target: lane, count: reused.count });
      this.shared(reused.lane, lane, tokens.slice(0, reused.count));
    }
    return lane;
  }

  /** Tokens were computed, or restored, behind those of a lane. */
  append(lane: number, tokens: readonly Token[]): void {
    this.#table.append(lane, tokens.length);
    this.#treeOfLane(lane)?.extend(lane, tokens);
  }

  /** The empty lane refers to the first cells of another from now on; whoever says so has done it. */
  shared(source: number, target: number, tokens: readonly Token[]): void {
    this.#table.share(source, target, tokens.length);
    this.#treeOfLane(target)?.extend(target, tokens);
  }

  /** A taken lane lost all but its first tokens; whoever says so has done it. */
  cut(lane: number, length: number): void {
    this.#table.cut(lane, length);
    this.#treeOfLane(lane)?.cut(lane, length);
  }

  /**
   * The sequence of a lane has finished, and the lane becomes resident. Others leave as far as there is too little room;
   * it stays itself even if it is larger than all the room: it is the likeliest to be gone on with.
   */
  keep(lane: number, content: LaneContent): void {
    if (this.#limits.residentCells === 0) {
      this.drop(lane);
      return;
    }
    this.#residents.set(lane, content);
    while (this.residentCells > this.#limits.residentCells && this.evict(lane));
  }

  /** A lane loses all it holds, and is free. */
  drop(lane: number, content?: LaneContent): void {
    this.#residents.delete(lane);
    this.#forget(lane);
    this.#table.cut(lane, 0);
    this.#free.push(lane);
    this.#operations.push(content === undefined ? { kind: 'empty', lane } : { kind: 'empty', lane, content });
  }

  /**
   * The resident that was used longest ago goes.
   * @param kept one that stays
   * @returns false when there was none
   */
  evict(kept?: number): boolean {
    for (const [lane, content] of this.#residents) {
      if (lane === kept) continue;
      this.drop(lane, content);
      return true;
    }
    return false;
  }

  /** A running sequence goes on where a resident one ended. */
  #goOn({ lane, count }: Reusable): number {
    const content = this.#residents.get(lane);
    this.#residents.delete(lane);
    if (content !== undefined && content.tokens.length > count) {
      this.#operations.push({ kind: 'cut', lane, length: count, content });
      this.cut(lane, count);
    }
    return lane;
  }

  #forget(lane: number): void {
    const scope = this.#scopes.get(lane);
    if (scope === undefined) return;
    const tree = this.#treeOf(scope);
    tree.remove(lane);
    if (tree.size === 0) this.#trees.delete(scope);
    this.#scopes.delete(lane);
  }

  #treeOfLane(lane: number): PrefixTree<number> | undefined {
    const scope = this.#scopes.get(lane);
    return scope === undefined ? undefined : this.#treeOf(scope);
  }

  #treeOf(scope: string): PrefixTree<number> {
    let tree = this.#trees.get(scope);
    if (tree === undefined) {
      tree = new PrefixTree<number>();
      this.#trees.set(scope, tree);
    }
    return tree;
  }
}
