import { z } from 'zod';
import { offerTools, type OfferedTools, type ToolChoice } from '../tool-schema.js';
import { toolName } from '../../tool-name.js';

const functionTool = z.strictObject({
  type: z.literal('function', 'only functions are supported'),
  name: toolName,
  description: z.string().nullish(),
  /** A JSON schema. */
  parameters: z.record(z.string(), z.unknown()).nullish(),
  /** Arguments are held to the schema, or the request is refused. */
  strict: z.boolean().nullish(),
});

const namedTool = z.strictObject({ type: z.literal('function'), name: z.string() });

const allowedTools = z.strictObject({
  type: z.literal('allowed_tools'),
  mode: z.enum(['auto', 'required']),
  tools: z.array(namedTool),
});

/** The parameters of a response that are about tools. */
export const toolFields = {
  tools: z.array(functionTool).default([]),
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
export function offeredTools({ tools, tool_choice: choice }: ToolFields): OfferedTools {
  return offerTools(
    tools.map((one, index) => ({ ...one, path: `tools[${index}]` })),
    toChoice(choice),
  );
}

function toChoice(choice: ToolFields['tool_choice']): ToolChoice {
  if (typeof choice === 'string') return { mode: choice };
  if (choice.type === 'function')
    return { mode: 'required', named: { name: choice.name, path: 'tool_choice.name' } };
  return {
    mode: choice.mode,
    allowed: choice.tools.map(({ name }, index) => ({ name, path: `tool_choice.tools[${index}].name` })),
  };
}
