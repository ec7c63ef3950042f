import type { DraftRoom } from '../core/drafting.js';
import { Acceptance } from './acceptance.js';
import { DraftAccount, type DraftOutcome } from './draft-account.js';
import { grades } from './drafter.js';

/** How often drafts of each grade are right, before any was verified. */
const guesses = [0.3, 0.6, 0.8] as const;
/** Drafts must be predicted to make tokens come so many times faster: predictions are not exact. */
const worthwhile = 1.1;
/** Tokens at most of a draft that is made to learn whether drafts are right. */
const probeLength = 3;

/** A draft that could be verified in the next step. */
export interface DraftOffer {
  readonly sequenceId: number;
  readonly grade: number;
  readonly length: number;
}

/** Decides how much of which drafts is verified. */
export interface DraftChooser {
  /** @returns tokens of each offer, no more than it has, and than `room.rows` in all */
  choose(offers: readonly DraftOffer[], room: DraftRoom): number[];
  /** A draft was verified: its first `accepted` tokens were right. */
  verified(offer: DraftOffer, drafted: number, accepted: number): void;
  /** A step ended, with drafts or without. */
  settle(outcome: DraftOutcome): void;
  /** The sequence has ended. */
  forget(sequenceId: number): void;
}

/**
 * Takes as many tokens of drafts as make tokens come fastest: those that are most likely right first, as long as the
 * tokens to be expected of the step, over the time that it is predicted to take, grow. What is to be expected is learned:
 * of each sequence, and for new ones of all, by grade. A {@link DraftAccount} sees to it that it does not get expensive,
 * and pays for a try now and then while drafts do not seem worth it.
 *
 * Goodput as the measure after SmartSpec (Liu et al., 2024).
 */
export class DraftControl implements DraftChooser {
  readonly #account = new DraftAccount();
  readonly #all = guesses.map((guess) => new Acceptance(guess));
  readonly #sequences = new Map<number, (Acceptance | undefined)[]>();

  choose(offers: readonly DraftOffer[], room: DraftRoom): number[] {
    const chosen = offers.map(() => 0);
    const plain = room.cost(0);
    if (!this.#account.open || !(plain > 0)) return chosen;
    const chances = offers
      .flatMap((offer, index) => {
        const rate = this.#rate(offer);
        return Array.from({ length: offer.length }, (_, place) => ({ index, chance: rate ** (place + 1) }));
      })
      .toSorted((left, right) => right.chance - left.chance)
      .slice(0, room.rows);
    let [best, bestSpeed, expected] = [0, (worthwhile * room.generating) / plain, room.generating];
    for (const [index, { chance }] of chances.entries()) {
      expected += chance;
      const speed = expected / room.cost(index + 1);
      if (speed > bestSpeed) [best, bestSpeed] = [index + 1, speed];
    }
    for (const { index } of chances.slice(0, best)) chosen[index] = (chosen[index] ?? 0) + 1;
    return best > 0 ? chosen : this.#probe(offers, room, chosen);
  }

  verified(offer: DraftOffer, drafted: number, accepted: number): void {
    if (drafted < 1) return;
    this.#of(offer).learn(drafted, accepted);
    this.#all[offer.grade]?.learn(drafted, accepted);
  }

  settle(outcome: DraftOutcome): void {
    this.#account.settle(outcome);
  }

  forget(sequenceId: number): void {
    this.#sequences.delete(sequenceId);
  }

  /** The likeliest draft, if trying it can be paid for. */
  #probe(offers: readonly DraftOffer[], room: DraftRoom, chosen: number[]): number[] {
    let likeliest: number | undefined;
    for (const [index, offer] of offers.entries()) {
      const before = likeliest === undefined ? undefined : offers[likeliest];
      if (offer.length > 0 && (before === undefined || this.#rate(offer) > this.#rate(before)))
        likeliest = index;
    }
    if (likeliest === undefined) return chosen;
    let length = Math.min(probeLength, room.rows, offers[likeliest]?.length ?? 0);
    while (length > 0 && !this.#account.affords(room.cost(length) - room.cost(0))) length--;
    chosen[likeliest] = length;
    return chosen;
  }

  #rate(offer: DraftOffer): number {
    return (this.#sequences.get(offer.sequenceId)?.[offer.grade] ?? this.#all[offer.grade])?.rate ?? 0;
  }

  #of({ sequenceId, grade }: DraftOffer): Acceptance {
    let own = this.#sequences.get(sequenceId);
    if (own === undefined) {
      own = Array.from({ length: grades }, () => undefined);
      this.#sequences.set(sequenceId, own);
    }
    return (own[grade] ??= new Acceptance(this.#all[grade]?.rate ?? 0));
  }
}
