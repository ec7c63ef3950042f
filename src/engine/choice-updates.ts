import type { ChoiceUpdate } from '../core/generation.js';

/** What happened to a choice in one step, as one update; undefined when there is nothing to tell. */
export function inOne(updates: readonly ChoiceUpdate[]): ChoiceUpdate | undefined {
  const last = updates.at(-1);
  if (last === undefined || updates.length === 1) return last;
  const text = updates.map((one) => one.text).join('');
  if (last.likelihoods === undefined) return { ...last, text };
  return { ...last, text, likelihoods: updates.flatMap(({ likelihoods = [] }) => likelihoods) };
}
