/** Tokens, as bits: token t is bit t % 32 of word t / 32. */
export type TokenSet = Uint32Array;

export function emptyTokenSet(vocabularySize: number): TokenSet {
  return new Uint32Array(Math.ceil(vocabularySize / 32));
}

export function addToken(set: TokenSet, token: number): void {
  set[token >>> 5] = ((set[token >>> 5] ?? 0) | (1 << (token & 31))) >>> 0;
}

export function removeToken(set: TokenSet, token: number): void {
  set[token >>> 5] = ((set[token >>> 5] ?? 0) & ~(1 << (token & 31))) >>> 0;
}

export function hasToken(set: TokenSet, token: number): boolean {
  return (((set[token >>> 5] ?? 0) >>> (token & 31)) & 1) === 1;
}

export function isEmptyTokenSet(set: TokenSet): boolean {
  for (const word of set) if (word !== 0) return false;
  return true;
}
