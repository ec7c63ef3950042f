import type { StableRule } from './chat-input.js';

/**
 * Puts the definitions of tools in the order of their names. Servers of tools list them in any order (openclaw/openclaw#58037,
 * maximhq/bifrost#2347), and templates write them at the head of the prompt.
 */
export const toolOrder: StableRule = (chat) => {
  const { tools } = chat.variables;
  if (!Array.isArray(tools)) return chat;
  const named = (tools as unknown[]).map((tool) => ({ tool, name: nameOf(tool) }));
  if (!named.every((each): each is { tool: unknown; name: string } => each.name !== undefined)) return chat;
  const sorted = named
    .toSorted((a, b) => (a.name === b.name ? 0 : a.name < b.name ? -1 : 1))
    .map(({ tool }) => tool);
  if (sorted.every((tool, index) => tool === tools[index])) return chat;
  return { ...chat, variables: { ...chat.variables, tools: sorted } };
};

/** Of a tool, or of the function that it wraps. */
function nameOf(tool: unknown): string | undefined {
  const { name, function: wrapped } = fieldsOf(tool);
  const inner = name ?? fieldsOf(wrapped)['name'];
  return typeof inner === 'string' ? inner : undefined;
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}
