import { HeddleError } from '../core/errors.js';
import type { Token } from '../core/generation.js';
import type { Allocate } from '../core/model-runner.js';
import { extendHash } from './fake-vocabulary.js';

const cellsMagic = 0xce11;
const stateMagic = 0xfa4e;
const wordBytes = 4;
const headWords = 3;

export const emptyHash = 0x811c9dc5;

/** What the fake model knows of tokens that came before, as a number. */
export function hashOf(tokens: readonly Token[]): number {
  return tokens.reduce(extendHash, emptyHash);
}

/** Bytes of so many saved cells. */
export function fakeCellsSize(count: number): number {
  return (headWords + count) * wordBytes;
}

export function saveFakeCells<Bytes extends Uint8Array>(
  tokens: readonly Token[],
  from: number,
  allocate: Allocate<Bytes>,
): Bytes {
  return written([cellsMagic, from, tokens.length, ...tokens], allocate);
}

/** @throws HeddleError `native_call_failed` when the bytes are no saved cells */
export function readFakeCells(bytes: Uint8Array): { from: number; tokens: Token[] } {
  const [magic, from = -1, count, ...tokens] = wordsOf(bytes);
  if (magic === cellsMagic && from >= 0 && count === tokens.length && count > 0) return { from, tokens };
  throw new HeddleError('native_call_failed', `${bytes.length} bytes are no cells.`);
}

/** A state: of how many tokens, what is known of them, and, where there are no cells beside it, the tokens. */
export interface FakeState {
  readonly count: number;
  readonly hash: number;
  readonly tokens: readonly Token[];
}

/** Bytes of a state with so many tokens. */
export function fakeStateSize(tokens: number): number {
  return (headWords + tokens) * wordBytes;
}

export function saveFakeState<Bytes extends Uint8Array>(
  { count, hash, tokens }: FakeState,
  allocate: Allocate<Bytes>,
): Bytes {
  return written([stateMagic, count, hash, ...tokens], allocate);
}

/** @throws HeddleError `native_call_failed` when the bytes are no state with so many tokens as they say, or without any */
export function readFakeState(bytes: Uint8Array, hasTokens: boolean): FakeState {
  const [magic, count = 0, hash = 0, ...tokens] = wordsOf(bytes);
  if (magic === stateMagic && count > 0 && tokens.length === (hasTokens ? count : 0))
    return { count, hash, tokens };
  throw new HeddleError('native_call_failed', `${bytes.length} bytes are no state.`);
}

function written<Bytes extends Uint8Array>(words: readonly number[], allocate: Allocate<Bytes>): Bytes {
  const target = allocate(words.length * wordBytes);
  if (target.length !== words.length * wordBytes)
    throw new HeddleError('native_call_failed', `${target.length} bytes are not what was asked for.`);
  target.set(new Uint8Array(Int32Array.from(words).buffer));
  return target;
}

/** None when the bytes are no whole words. */
function wordsOf(bytes: Uint8Array): number[] {
  return bytes.length % wordBytes === 0 ? [...new Int32Array(Uint8Array.from(bytes).buffer)] : [];
}
