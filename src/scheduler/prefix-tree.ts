import { HeddleError } from '../core/errors.js';

/** A run of tokens after those of its parent. The root's run is empty. */
interface Node<Owner> {
  parent: Node<Owner> | undefined;
  /** Where the run begins: the tokens of all ancestors. */
  start: number;
  /** The run is the first `length` of these; room behind them is for growth. */
  tokens: Int32Array;
  length: number;
  /** By the first token of their run. */
  readonly children: Map<number, Node<Owner>>;
  /** Those whose sequence ends with this run. */
  readonly owners: Set<Owner>;
}

/** The longest common prefix of a prompt with what is in the tree. */
export interface PrefixMatch<Owner> {
  /** Tokens in common; 0 with no owner. */
  readonly length: number;
  /** One of those whose sequence begins with these tokens. */
  readonly owner: Owner | undefined;
}

/**
 * A radix tree over the token sequences that are resident in slots, or running. Every node but the root ends a
 * sequence or has two children, so there are at most two nodes for each sequence; tokens of common prefixes are kept
 * once, in at most twice their size (4 bytes a token). Matching n tokens takes O(n) whatever the number of sequences;
 * inserting and extending O(n) amortised; cutting and removing O(length of the runs that are split or joined).
 */
export class PrefixTree<Owner> {
  readonly #root: Node<Owner> = makeNode<Owner>(undefined, 0, new Int32Array());
  readonly #ends = new Map<Owner, Node<Owner>>();

  /** Sequences in the tree. */
  get size(): number {
    return this.#ends.size;
  }

  /** Tokens of an owner's sequence; undefined when it has none. */
  lengthOf(owner: Owner): number | undefined {
    const end = this.#ends.get(owner);
    return end === undefined ? undefined : end.start + end.length;
  }

  /** Adds a sequence. @throws HeddleError `internal_error` when the owner has one already */
  insert(owner: Owner, tokens: ArrayLike<number>): void {
    if (this.#ends.has(owner))
      throw new HeddleError('internal_error', 'A sequence is in the prefix tree already.');
    this.#root.owners.add(owner);
    this.#ends.set(owner, this.#root);
    this.extend(owner, tokens);
  }

  /** Appends tokens to an owner's sequence. @throws HeddleError `internal_error` when it has none */
  extend(owner: Owner, tokens: ArrayLike<number>): void {
    let node = this.#endOf(owner);
    let at = 0;
    const before = node;
    if (node !== this.#root && node.children.size === 0 && node.owners.size === 1) {
      grow(node, tokens);
      return;
    }
    while (at < tokens.length) {
      const child = node.children.get(tokens[at] ?? 0);
      if (child === undefined) {
        const leaf = makeNode(node, node.start + node.length, tokensFrom(tokens, at));
        node.children.set(tokens[at] ?? 0, leaf);
        node = leaf;
        break;
      }
      const common = commonLength(child, tokens, at);
      at += common;
      node = common < child.length ? split(child, common) : child;
    }
    this.#move(owner, before, node);
  }

  /** Keeps the first `length` tokens of an owner's sequence; a longer length changes nothing. */
  cut(owner: Owner, length: number): void {
    const before = this.#endOf(owner);
    if (length >= before.start + before.length) return;
    let node = before;
    while (node.parent !== undefined && node.start >= length) node = node.parent;
    if (node.start + node.length > length) node = split(node, length - node.start);
    this.#move(owner, before, node);
  }

  /** Takes an owner's sequence out; one that has none changes nothing. */
  remove(owner: Owner): void {
    const end = this.#ends.get(owner);
    if (end === undefined) return;
    this.#ends.delete(owner);
    end.owners.delete(owner);
    tidy(end);
  }

  match(tokens: ArrayLike<number>): PrefixMatch<Owner> {
    let node = this.#root;
    let length = 0;
    while (length < tokens.length) {
      const child = node.children.get(tokens[length] ?? 0);
      if (child === undefined) break;
      const common = commonLength(child, tokens, length);
      length += common;
      node = child;
      if (common < child.length) break;
    }
    return length === 0 ? { length, owner: undefined } : { length, owner: anyOwner(node) };
  }

  /**
   * The longest sequence that a prompt begins with as a whole.
   * @param most its length at most
   */
  longestWhole(tokens: ArrayLike<number>, most: number): PrefixMatch<Owner> {
    let node = this.#root;
    let best: PrefixMatch<Owner> = { length: 0, owner: undefined };
    for (;;) {
      const length = node.start + node.length;
      const child = node.children.get(tokens[length] ?? -1);
      if (child === undefined || child.start + child.length > most) return best;
      if (commonLength(child, tokens, length) < child.length) return best;
      node = child;
      const [owner] = node.owners;
      if (owner !== undefined) best = { length: node.start + node.length, owner };
    }
  }

  /** Nodes without the root, and tokens that there is room for: what the tree takes. */
  measure(): { nodes: number; tokenCapacity: number } {
    let nodes = 0;
    let tokenCapacity = 0;
    const open = [...this.#root.children.values()];
    for (let node = open.pop(); node !== undefined; node = open.pop()) {
      nodes++;
      tokenCapacity += node.tokens.length;
      open.push(...node.children.values());
    }
    return { nodes, tokenCapacity };
  }

  #endOf(owner: Owner): Node<Owner> {
    const end = this.#ends.get(owner);
    if (end === undefined) throw new HeddleError('internal_error', 'A sequence is not in the prefix tree.');
    return end;
  }

  #move(owner: Owner, from: Node<Owner>, to: Node<Owner>): void {
    from.owners.delete(owner);
    to.owners.add(owner);
    this.#ends.set(owner, to);
    tidy(from);
  }
}

function makeNode<Owner>(parent: Node<Owner> | undefined, start: number, tokens: Int32Array): Node<Owner> {
  return { parent, start, tokens, length: tokens.length, children: new Map(), owners: new Set() };
}

/** How many tokens of a node's run are those of `tokens` from `at` on. */
function commonLength<Owner>(node: Node<Owner>, tokens: ArrayLike<number>, at: number): number {
  const limit = Math.min(node.length, tokens.length - at);
  let common = 0;
  while (common < limit && node.tokens[common] === tokens[at + common]) common++;
  return common;
}

/** Puts a new node with the first `length` tokens above a node, and returns it; the node keeps its owners. */
function split<Owner>(node: Node<Owner>, length: number): Node<Owner> {
  const upper = makeNode(node.parent, node.start, node.tokens.slice(0, length));
  node.parent?.children.set(upper.tokens[0] ?? 0, upper);
  node.tokens = node.tokens.slice(length, node.length);
  node.length = node.tokens.length;
  node.start += length;
  node.parent = upper;
  upper.children.set(node.tokens[0] ?? 0, node);
  return upper;
}

/** Takes away what no sequence needs any more, from a node upwards. */
function tidy<Owner>(from: Node<Owner>): void {
  let node = from;
  while (node.parent !== undefined && node.owners.size === 0 && node.children.size === 0) {
    node.parent.children.delete(node.tokens[0] ?? 0);
    node = node.parent;
  }
  const [child] = node.children.values();
  if (node.parent === undefined || node.owners.size > 0 || node.children.size > 1 || child === undefined)
    return;
  const joined = new Int32Array(node.length + child.length);
  joined.set(node.tokens.subarray(0, node.length));
  joined.set(child.tokens.subarray(0, child.length), node.length);
  child.tokens = joined;
  child.length = joined.length;
  child.start = node.start;
  child.parent = node.parent;
  node.parent.children.set(joined[0] ?? 0, child);
}

/** Appends tokens to a node's run, with room for as many again. */
function grow<Owner>(node: Node<Owner>, tokens: ArrayLike<number>): void {
  const length = node.length + tokens.length;
  if (length > node.tokens.length) {
    const larger = new Int32Array(Math.max(length, 2 * node.length));
    larger.set(node.tokens.subarray(0, node.length));
    node.tokens = larger;
  }
  for (let i = 0; i < tokens.length; i++) node.tokens[node.length + i] = tokens[i] ?? 0;
  node.length = length;
}

function tokensFrom(tokens: ArrayLike<number>, at: number): Int32Array {
  return Int32Array.from({ length: tokens.length - at }, (_, i) => tokens[at + i] ?? 0);
}

/** Every leaf has an owner, so one is found by going down. */
function anyOwner<Owner>(from: Node<Owner>): Owner | undefined {
  let node: Node<Owner> | undefined = from;
  while (node !== undefined && node.owners.size === 0) [node] = node.children.values();
  const [owner] = node?.owners ?? [];
  return owner;
}
