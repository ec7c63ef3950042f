import type { BlockId } from '../prefix-cache/block-id.js';

/** Blocks that are remembered: half a million tokens, in some megabytes. */
const mostRemembered = 8192;

/** The prompts of late, by the names of their blocks: tells how much of a new one others have begun with. */
export class RecentPrompts {
  /** The one that was met longest ago first. */
  readonly #blocks = new Set<BlockId>();

  /**
   * A prompt is met.
   * @param ids of its blocks, from the first one on
   * @returns how many of them, from the first one on, were met before
   */
  meet(ids: readonly BlockId[]): number {
    const missing = ids.findIndex((id) => !this.#blocks.has(id));
    // From the last one on, so that the first blocks of a prompt are not forgotten before those behind them.
    for (const id of ids.toReversed()) {
      this.#blocks.delete(id);
      this.#blocks.add(id);
    }
    for (const id of this.#blocks) {
      if (this.#blocks.size <= mostRemembered) break;
      this.#blocks.delete(id);
    }
    return missing < 0 ? ids.length : missing;
  }
}
