import type { DraftRoom } from '../core/drafting.js';
import type { Token } from '../core/generation.js';
import type { Sequence } from '../core/sequence.js';
import type { DraftChooser, DraftOffer } from './draft-control.js';
import type { Drafter } from './drafter.js';

/** Tokens of a draft at most. */
const mostDrafted = 15;

/** Of a step that was not asked for drafts. */
const nothing = { plain: 0, predicted: 0, generating: 0, drafted: 0, accepted: 0 };

/** The drafts of an engine's sequences: made, chosen, and learned from. */
export class Speculator {
  readonly #createDrafter: () => Drafter;
  readonly #control: DraftChooser;
  readonly #drafters = new Map<number, Drafter>();
  /** Of the step that is being made, by sequence id. */
  readonly #offers = new Map<number, DraftOffer>();
  #step = nothing;
  #counts = { drafted: 0, accepted: 0 };

  /** @param createDrafter makes the drafter of one sequence */
  constructor(createDrafter: () => Drafter, control: DraftChooser) {
    this.#createDrafter = createDrafter;
    this.#control = control;
  }

  /** Tokens of drafts that were verified, and those of them that were right, so far. */
  get counts(): { readonly drafted: number; readonly accepted: number } {
    return this.#counts;
  }

  /** Nothing is known of the next step; what became of the last one does not matter. */
  stepBegins(): void {
    this.#step = nothing;
  }

  /**
   * The drafts of the next step.
   * @param most tokens that a sequence can make use of
   */
  draft(
    sequences: readonly Sequence[],
    room: DraftRoom,
    most: (sequence: Sequence) => number,
  ): ReadonlyMap<Sequence, readonly Token[]> {
    this.#offers.clear();
    const proposals = sequences.map((sequence) => {
      const { id: sequenceId, tokens } = sequence;
      const limit = Math.min(mostDrafted, room.rows, most(sequence));
      const draft = this.#drafterOf(sequenceId).propose(tokens, limit);
      return { sequence, draft, offer: { sequenceId, grade: draft.grade, length: draft.tokens.length } };
    });
    const counts = this.#control.choose(
      proposals.map(({ offer }) => offer),
      room,
    );
    const drafts = new Map<Sequence, readonly Token[]>();
    let drafted = 0;
    for (const [index, { sequence, draft, offer }] of proposals.entries()) {
      const count = counts[index] ?? 0;
      if (count < 1) continue;
      drafts.set(sequence, draft.tokens.slice(0, count));
      this.#offers.set(sequence.id, offer);
      drafted += count;
    }
    const [plain, predicted] = [room.cost(0), room.cost(drafted)];
    this.#step = { plain, predicted, generating: room.generating, drafted, accepted: 0 };
    return drafts;
  }

  /** Of a sequence's draft, so many tokens were right before the first that was not, or before the sequence ended. */
  verified(sequenceId: number, drafted: number, accepted: number): void {
    const { drafted: allDrafted, accepted: allAccepted } = this.#counts;
    this.#counts = { drafted: allDrafted + drafted, accepted: allAccepted + accepted };
    this.#step = { ...this.#step, accepted: this.#step.accepted + accepted };
    const offer = this.#offers.get(sequenceId);
    if (offer !== undefined) this.#control.verified(offer, drafted, accepted);
  }

  /**
   * The step for which {@link draft} was asked last has ended.
   * @param measured milliseconds that it took; undefined when it had rows that generate nothing
   */
  stepEnded(measured: number | undefined): void {
    this.#control.settle({ ...this.#step, measured });
    this.#step = nothing;
  }

  /** The sequence has ended. */
  forget(sequenceId: number): void {
    this.#drafters.delete(sequenceId);
    this.#offers.delete(sequenceId);
    this.#control.forget(sequenceId);
  }

  #drafterOf(sequenceId: number): Drafter {
    let drafter = this.#drafters.get(sequenceId);
    if (drafter === undefined) {
      drafter = this.#createDrafter();
      this.#drafters.set(sequenceId, drafter);
    }
    return drafter;
  }
}
