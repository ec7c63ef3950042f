import { z } from 'zod';
import { HeddleError } from '../../../core/errors.js';
import { toOfferedTools, type OfferedTools } from '../tool-schema.js';

/** Tools of a request at most. */
const mostTools = 512;

const functionTool = z.strictObject({
  type: z.literal('function', 'only functions are supported'),
  name: z.string().regex(/^[\w.:/-]{1,128}$/, 'a name is 1 to 128 letters, digits and _ . : / -'),
  description: z.string().nullish(),
  /** A JSON schema. */
  parameters: z.record(z.string(), z.unknown()).nullish(),
  strict: z
    .literal(false, 'strict schemas are not enforced yet: leave strict out, and check the arguments')
    .nullish(),
});

const namedTool = z.strictObject({ type: z.literal('function'), name: z.string() });

const allowedTools = z.strictObject({
  type: z.literal('allowed_tools'),
  mode: z.enum(['auto', 'required']),
  tools: z.array(namedTool).max(mostTools),
});

/** The parameters of a response that are about tools. */
export const toolFields = {
  tools: z.array(functionTool).max(mostTools).default([]),
  tool_choice: z
    .union([z.enum(['none', 'auto', 'required']), namedTool, allowedTools], {
      error: 'tool_choice must be none, auto, required, a function by its name, or allowed_tools',
    })
    .default('auto'),
  parallel_tool_calls: z.boolean().default(true),
};

type ToolFields = z.infer<z.ZodObject<typeof toolFields>>;

/**
 * The tools of a request: none, where none may be called, and those that are allowed, where some are.
 * @throws HeddleError as for chat completions, with the paths of this API
 */
export function offeredTools({ tools, tool_choice: choice, parallel_tool_calls }: ToolFields): OfferedTools {
  const names = new Set<string>();
  for (const [index, { name }] of tools.entries()) {
    if (names.has(name))
      throw invalid(`tools[${index}].name`, `There are two tools with the name "${name}".`);
    names.add(name);
  }
  const named = typeof choice === 'string' ? [] : choice.type === 'function' ? [choice] : choice.tools;
  const unknown = named.find(({ name }) => !names.has(name));
  if (unknown !== undefined) throw invalid('tool_choice', `There is no tool "${unknown.name}" to choose.`);
  const allowed =
    typeof choice === 'object' && choice.type === 'allowed_tools'
      ? new Set(choice.tools.map(({ name }) => name))
      : names;
  return toOfferedTools({
    tools: tools
      .filter(({ name }) => allowed.has(name))
      .map(({ name, description, parameters }) => ({
        type: 'function',
        function: {
          name,
          ...(typeof description === 'string' ? { description } : {}),
          ...(typeof parameters === 'object' && parameters !== null ? { parameters } : {}),
        },
      })),
    tool_choice: chosen(choice),
    parallel_tool_calls,
  });
}

/** As chat completions say it. */
function chosen(choice: ToolFields['tool_choice']): Parameters<typeof toOfferedTools>[0]['tool_choice'] {
  if (typeof choice === 'string') return choice;
  if (choice.type === 'allowed_tools') return choice.mode;
  return { type: 'function', function: { name: choice.name } };
}

function invalid(param: string, message: string): HeddleError {
  return new HeddleError('invalid_parameter', message, { param });
}
