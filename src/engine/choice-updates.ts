import type { ChoiceUpdate } from '../core/generation.js';

/** What happened to a choice in one step, as one update; undefined when there is nothing to tell. */
export function inOne(updates: readonly ChoiceUpdate[]): ChoiceUpdate | undefined {
  const last = updates.at(-1);
  return last === undefined || updates.length === 1
    ? last
    : { ...last, text: updates.map(({ text }) => text).join('') };
}
