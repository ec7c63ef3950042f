import type { DraftRoom } from '../core/drafting.js';
import type { DraftChooser, DraftOffer } from '../speculation/draft-control.js';

/** Takes all drafts that there is room for, whatever they cost. */
export class EagerChooser implements DraftChooser {
  choose(offers: readonly DraftOffer[], room: DraftRoom): number[] {
    let left = room.rows;
    return offers.map(({ length }) => {
      const count = Math.min(length, left);
      left -= count;
      return count;
    });
  }

  verified(): void {}

  settle(): void {}

  forget(): void {}
}
