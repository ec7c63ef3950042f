import type { StableRule } from './chat-input.js';

/** What is nested deeper stays as it is. */
const deepest = 64;

/**
 * Puts the keys of all objects in the definitions of tools in their order; lists stay as they are. Two serialisations of
 * one schema then are one text (maximhq/bifrost#3362). Not without a price: many models write arguments in the order in
 * which a schema names them.
 */
export const toolKeys: StableRule = (chat) => {
  const { tools } = chat.variables;
  if (!Array.isArray(tools)) return chat;
  const sorted = withSortedKeys(tools, 0);
  return sorted === tools ? chat : { ...chat, variables: { ...chat.variables, tools: sorted } };
};

/** The same value where it is sorted already. */
function withSortedKeys(value: unknown, depth: number): unknown {
  if (typeof value !== 'object' || value === null || depth >= deepest) return value;
  if (Array.isArray(value)) {
    const items = (value as unknown[]).map((item) => withSortedKeys(item, depth + 1));
    return items.every((item, index) => item === value[index]) ? value : items;
  }
  const entries = Object.entries(value);
  const sorted = entries
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, inner]) => [key, withSortedKeys(inner, depth + 1)] as const);
  const result = Object.fromEntries(sorted);
  // Keys that are numbers have an order of their own: what comes out decides.
  const same = Object.entries(result).every(([key, inner], index) => {
    const [before, was] = entries[index] ?? [];
    return key === before && inner === was;
  });
  return same ? value : result;
}
