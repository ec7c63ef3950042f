import { blockTokens } from '../prefix-cache/block-id.js';

/** A prompt whose states may be worth keeping. All positions and lengths are in tokens. */
export interface SnapshotPrompt {
  readonly length: number;
  /** Of its first tokens, those that need not be computed. */
  readonly held: number;
  /** Where its messages end, ascending; the first is that of what stands before all questions. */
  readonly boundaries: readonly number[];
  /** Of its first tokens, those with which other prompts began lately. */
  readonly common: number;
}

/** What a snapshot takes, and what there is; bytes. */
export interface SnapshotRoom {
  /** Of one snapshot; 0 where it is not known yet. */
  readonly snapshotBytes: number;
  /** RAM for blocks and snapshots; infinite where a disk takes what does not fit. */
  readonly roomBytes: number;
}

/** A snapshot that others may go on from saves so many tokens at least, for each of these bytes that it takes. */
const leastGain = 128;
const gainBytes = 64 * 2 ** 20;
/** RAM that holds fewer snapshots than this has them at the ends of prompts only. */
const leastForShared = 4;
/** RAM has one more snapshot in a prompt for each so many that it holds, */
const roomForMessages = 16;
/** but not more of them, */
const mostMessages = 2;
/** and so far from those beside it, tokens. */
const messageSpacing = 1024;

/**
 * The positions of a prompt at which its state is worth a snapshot; ascending, each a boundary between blocks beyond what is
 * held and before the last token, whose result is wanted.
 *
 * - The prompt's end: the next turn of a conversation passes there.
 * - The end of the first message, and of what other prompts have had in common with it: other conversations go on from there.
 * - The ends of other messages that are new, far from these: where a conversation is taken up again and changed.
 *
 * The fewer snapshots the RAM holds, the fewer of these: those that are for one prompt's sake go first.
 */
export function snapshotPositions(prompt: SnapshotPrompt, room: SnapshotRoom): readonly number[] {
  const { length, held, boundaries, common } = prompt;
  const { snapshotBytes, roomBytes } = room;
  const end = down(length - 1);
  if (end <= held || snapshotBytes > roomBytes) return [];
  const affordable = snapshotBytes === 0 ? Infinity : roomBytes / snapshotBytes;
  if (affordable < leastForShared) return [end];
  const gain = leastGain * snapshotInterval(snapshotBytes);
  const positions: number[] = [];
  let before = held;
  for (const position of [down(boundaries[0] ?? 0), down(common)].toSorted((a, b) => a - b)) {
    if (position >= end || position - before < gain) continue;
    positions.push(position);
    before = position;
  }
  positions.push(end);
  const spacing = Math.max(gain, messageSpacing);
  let messages = Math.min(mostMessages, Math.floor(affordable / roomForMessages));
  for (const position of boundaries.slice(1).map(down).toReversed()) {
    if (messages === 0) break;
    const isFar = [held, ...positions].every((other) => Math.abs(position - other) >= spacing);
    if (position <= held || position >= end || !isFar) continue;
    positions.push(position);
    messages--;
  }
  return positions.toSorted((a, b) => a - b);
}

/** Blocks between two snapshots of one sequence, so that copying takes a small part of the time that they take. */
export function snapshotInterval(snapshotBytes: number): number {
  return Math.max(1, Math.ceil(snapshotBytes / gainBytes));
}

function down(position: number): number {
  return Math.max(0, position - (position % blockTokens));
}
