/**
 * The definition of a tool as templates read it: with a description and parameters, if only empty ones, since there are
 * templates that fail without.
 */
export function shapeTool(tool: unknown): unknown {
  if (!isFields(tool) || !isFields(tool['function'])) return tool;
  const { parameters, ...fields } = tool['function'];
  const schema = isFields(parameters) ? parameters : { type: 'object' };
  return {
    ...tool,
    function: { description: '', ...fields, parameters: { properties: {}, ...schema } },
  };
}

function isFields(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
