import { z } from 'zod';
import { HeddleError } from '../../core/errors.js';
import type { ToolDefinition } from '../../prompt/output/tool-definition.js';
import { cacheControl } from './content-schema.js';

/** Tools of a request at most. */
const mostTools = 512;

const tool = z.strictObject({
  type: z
    .literal('custom', 'only tools with an input_schema of their own are supported, and none of Anthropic’s')
    .nullish(),
  name: z.string().regex(/^[\w.:/-]{1,128}$/, 'a name is 1 to 128 letters, digits and _ . : / -'),
  description: z.string().optional(),
  input_schema: z.looseObject({ type: z.literal('object', 'input_schema must be of the type "object"') }),
  cache_control: cacheControl.nullish(),
  /** Their inputs are told to the model with the schema. */
  input_examples: z.array(z.record(z.string(), z.unknown())).default([]),
  /** `false`: a call is sent when it is whole. */
  eager_input_streaming: z.boolean().nullish(),
  strict: z
    .literal(false, 'strict schemas are not enforced yet: leave strict out, and check the input')
    .optional(),
  defer_loading: z.literal(false, 'tools can not be loaded later').optional(),
  allowed_callers: z.tuple([z.literal('direct')], 'tools are called by the model alone').optional(),
});

const parallel = { disable_parallel_tool_use: z.boolean().default(false) };

/** The parameters of a message that are about tools. */
export const toolFields = {
  tools: z.array(tool).max(mostTools).default([]),
  tool_choice: z
    .discriminatedUnion(
      'type',
      [
        z.strictObject({ type: z.literal('auto'), ...parallel }),
        z.strictObject({ type: z.literal('any'), ...parallel }),
        z.strictObject({ type: z.literal('tool'), name: z.string(), ...parallel }),
        z.strictObject({ type: z.literal('none'), disable_parallel_tool_use: z.boolean().optional() }),
      ],
      { error: 'type must be auto, any, tool or none' },
    )
    .default({ type: 'auto', disable_parallel_tool_use: false }),
};

type ToolFields = z.infer<z.ZodObject<typeof toolFields>>;

/** The tools that a model may call. */
export interface OfferedTools {
  /** In the shape of the OpenAI API, which chat templates read. */
  readonly sent: readonly object[];
  readonly definitions: readonly ToolDefinition[];
  /** An answer has one call at most. */
  readonly singleCall: boolean;
  /** Names of tools whose calls are sent when they are whole. */
  readonly heldBack: ReadonlySet<string>;
}

/**
 * The tools of a request: none, where none may be called.
 * @throws HeddleError `invalid_parameter` for two tools of one name; `unsupported_parameter` for calls that are demanded
 */
export function toOfferedTools({ tools, tool_choice: choice }: ToolFields): OfferedTools {
  const names = new Set<string>();
  for (const [index, { name }] of tools.entries()) {
    if (names.has(name)) {
      const param = `tools[${index}].name`;
      const message = `"${param}": there are two tools with the name "${name}".`;
      throw new HeddleError('invalid_parameter', message, { param });
    }
    names.add(name);
  }
  if (choice.type === 'any' || choice.type === 'tool') {
    throw new HeddleError(
      'unsupported_parameter',
      'Tool calls can not be demanded yet: "tool_choice.type" is "none" or "auto".',
      { param: 'tool_choice.type' },
    );
  }
  const singleCall = choice.disable_parallel_tool_use ?? false;
  if (choice.type === 'none') return { sent: [], definitions: [], singleCall, heldBack: new Set() };
  return {
    sent: tools.map((one) => ({ type: 'function', function: { ...named(one), parameters: schemaOf(one) } })),
    definitions: tools.map((one) => ({ name: one.name, parameters: one.input_schema })),
    singleCall,
    heldBack: new Set(
      tools.flatMap(({ name, eager_input_streaming: isEager }) => (isEager === false ? [name] : [])),
    ),
  };
}

function named({ name, description }: ToolFields['tools'][number]): object {
  return description === undefined ? { name } : { name, description };
}

function schemaOf({ input_schema: schema, input_examples: examples }: ToolFields['tools'][number]): object {
  return examples.length === 0 ? schema : { ...schema, examples };
}
