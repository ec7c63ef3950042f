/** Tokens by their bytes, as a tree: tokens that begin alike share what they have in common. */
export interface TokenTrie {
  readonly nodes: number;
  /** By node, in depth-first order: its byte. */
  readonly bytes: Uint8Array;
  /** By node: how many bytes lead to it, this one included. */
  readonly depths: Uint16Array;
  /** By node: the first node that is not below it. */
  readonly ends: Int32Array;
  /** By node: a token whose bytes end here; -1 for none. */
  readonly tokens: Int32Array;
  /** By token: another one with the same bytes; -1 for none. */
  readonly sames: Int32Array;
  readonly deepest: number;
}

/**
 * Builds the tree a part at a time.
 * @param texts by token, its bytes as characters from 0 to 255; those without are not in the tree. None is longer than 65535
 */
export function* buildTokenTrie(texts: readonly string[]): Generator<void, TokenTrie> {
  const byStart = new Map<string, number[]>();
  let most = 0;
  for (const [token, text] of texts.entries()) {
    most += text.length;
    if (text === '') continue;
    const start = text.slice(0, 2);
    const tokens = byStart.get(start);
    if (tokens === undefined) byStart.set(start, [token]);
    else tokens.push(token);
    if (token % 10_000 === 0) yield;
  }
  const bytes = new Uint8Array(most);
  const depths = new Uint16Array(most);
  const ends = new Int32Array(most);
  const tokens = new Int32Array(most).fill(-1);
  const sames = new Int32Array(texts.length).fill(-1);
  const path: number[] = [];
  let [nodes, deepest, previous] = [0, 0, ''];
  for (const start of [...byStart.keys()].toSorted(compare)) {
    const sorted = (byStart.get(start) ?? []).toSorted((a, b) =>
      compare(texts[a] as string, texts[b] as string),
    );
    for (const token of sorted) {
      const text = texts[token] as string;
      const shared = commonLength(previous, text);
      while (path.length > shared) ends[path.pop() as number] = nodes;
      for (let depth = shared; depth < text.length; depth++) {
        bytes[nodes] = text.charCodeAt(depth);
        depths[nodes] = depth + 1;
        path.push(nodes++);
      }
      const node = path.at(-1) as number;
      sames[token] = tokens[node] as number;
      tokens[node] = token;
      deepest = Math.max(deepest, text.length);
      previous = text;
    }
    yield;
  }
  for (const node of path) ends[node] = nodes;
  return {
    nodes,
    bytes: bytes.slice(0, nodes),
    depths: depths.slice(0, nodes),
    ends: ends.slice(0, nodes),
    tokens: tokens.slice(0, nodes),
    sames,
    deepest,
  };
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

function commonLength(a: string, b: string): number {
  const most = Math.min(a.length, b.length);
  let length = 0;
  while (length < most && a.charCodeAt(length) === b.charCodeAt(length)) length++;
  return length;
}
