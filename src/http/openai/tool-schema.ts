import { z } from 'zod';
import { HeddleError } from '../../core/errors.js';
import type { ToolDefinition } from '../../prompt/output/tool-definition.js';

/** Tools of a request at most. */
const mostTools = 512;

const tool = z.strictObject({
  type: z.literal('function', 'only functions are supported'),
  function: z.strictObject({
    name: z.string().regex(/^[\w.:/-]{1,128}$/, 'a name is 1 to 128 letters, digits and _ . : / -'),
    description: z.string().optional(),
    /** A JSON schema. */
    parameters: z.record(z.string(), z.unknown()).nullish(),
    strict: z
      .literal(false, 'strict schemas are not enforced yet: leave strict out, and check the arguments')
      .nullish(),
  }),
});

const namedTool = z.strictObject({
  type: z.literal('function'),
  function: z.strictObject({ name: z.string() }),
});

/** The parameters of a chat that are about tools. */
export const toolFields = {
  tools: z.array(tool).max(mostTools).default([]),
  tool_choice: z
    .union([z.enum(['none', 'auto', 'required']), namedTool], {
      error: 'tool_choice must be none, auto, required, or a function by its name',
    })
    .default('auto'),
  parallel_tool_calls: z.boolean().default(true),
};

type ToolFields = z.infer<z.ZodObject<typeof toolFields>>;

/** The tools that a model may call. */
export interface OfferedTools {
  /** As they were sent, for the chat template. */
  readonly sent: readonly object[];
  readonly definitions: readonly ToolDefinition[];
}

/**
 * The tools of a request: none, where none may be called.
 * @throws HeddleError `invalid_parameter` for two tools of one name; `unsupported_parameter` for calls that are demanded
 */
export function toOfferedTools({ tools, tool_choice }: ToolFields): OfferedTools {
  const names = new Set<string>();
  for (const [index, { function: one }] of tools.entries()) {
    if (names.has(one.name)) {
      throw new HeddleError('invalid_parameter', `There are two tools with the name "${one.name}".`, {
        param: `tools[${index}].function.name`,
      });
    }
    names.add(one.name);
  }
  if (tool_choice === 'none') return { sent: [], definitions: [] };
  if (tool_choice !== 'auto') {
    throw new HeddleError(
      'unsupported_parameter',
      'Tool calls can not be demanded yet: "tool_choice" is "none" or "auto".',
      { param: 'tool_choice' },
    );
  }
  return {
    sent: tools,
    definitions: tools.map(({ function: { name, parameters } }) => ({
      name,
      ...(parameters === undefined || parameters === null ? {} : { parameters }),
    })),
  };
}
