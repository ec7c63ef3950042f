import { z } from 'zod';
import { HeddleError } from '../../core/errors.js';
import { checkStrictTools } from '../../prompt/output/argument-grammar.js';
import type { CallDemand } from '../../prompt/output/called-tool.js';
import type { ToolDefinition } from '../../prompt/output/tool-definition.js';
import { cacheControl } from './content-schema.js';
import { toolName } from '../tool-name.js';

const tool = z.strictObject({
  type: z
    .literal('custom', 'only tools with an input_schema of their own are supported, and none of Anthropic’s')
    .nullish(),
  name: toolName,
  description: z.string().optional(),
  input_schema: z.looseObject({ type: z.literal('object', 'input_schema must be of the type "object"') }),
  cache_control: cacheControl.nullish(),
  /** Their inputs are told to the model with the schema. */
  input_examples: z.array(z.record(z.string(), z.unknown())).default([]),
  /** `false`: a call is sent when it is whole. */
  eager_input_streaming: z.boolean().nullish(),
  /** Input is held to the schema, or the request is refused. */
  strict: z.boolean().nullish(),
  defer_loading: z.literal(false, 'tools can not be loaded later').optional(),
  allowed_callers: z.tuple([z.literal('direct')], 'tools are called by the model alone').optional(),
});

const parallel = { disable_parallel_tool_use: z.boolean().default(false) };

/** The parameters of a message that are about tools. */
export const toolFields = {
  tools: z.array(tool).default([]),
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
  /** Which calls there may be, or must; none when absent. */
  readonly calls?: CallDemand;
  /** An answer has one call at most. */
  readonly singleCall: boolean;
  /** Names of tools whose calls are sent when they are whole. */
  readonly heldBack: ReadonlySet<string>;
}

/**
 * The tools of a request: none, where none may be called.
 * @throws HeddleError `invalid_parameter` for two tools of one name, a choice of a tool that there is not, or a demand for
 * calls of none; `unsupported_schema` for a strict schema that can not be enforced
 */
export function toOfferedTools({ tools, tool_choice: choice }: ToolFields): OfferedTools {
  const names = new Set<string>();
  for (const [index, { name }] of tools.entries()) {
    if (names.has(name))
      throw invalid(`tools[${index}].name`, `there are two tools with the name "${name}".`);
    names.add(name);
  }
  if (choice.type === 'tool' && !names.has(choice.name))
    throw invalid('tool_choice.name', `there is no tool "${choice.name}" to choose.`);
  if (choice.type === 'any' && names.size === 0)
    throw invalid('tool_choice', 'a call is demanded, but there are no tools that could be called.');
  const singleCall = choice.disable_parallel_tool_use ?? false;
  if (choice.type === 'none') return { sent: [], definitions: [], singleCall, heldBack: new Set() };
  const called = tools
    .map(({ name, input_schema: parameters, strict }, index) => ({
      name,
      parameters,
      strict: strict === true,
      path: `tools[${index}].input_schema`,
    }))
    .filter(({ name }) => choice.type !== 'tool' || name === choice.name);
  checkStrictTools(called);
  return {
    sent: tools.map((one) => ({ type: 'function', function: { ...named(one), parameters: schemaOf(one) } })),
    definitions: tools.map((one) => ({ name: one.name, parameters: one.input_schema })),
    calls:
      choice.type === 'auto'
        ? { mode: 'auto', tools: called, param: 'tools' }
        : { mode: 'required', tools: called, param: 'tool_choice' },
    singleCall,
    heldBack: new Set(
      tools.flatMap(({ name, eager_input_streaming: isEager }) => (isEager === false ? [name] : [])),
    ),
  };
}

function invalid(param: string, message: string): HeddleError {
  return new HeddleError('invalid_parameter', `"${param}": ${message}`, { param });
}

function named({ name, description }: ToolFields['tools'][number]): object {
  return description === undefined ? { name } : { name, description };
}

function schemaOf({ input_schema: schema, input_examples: examples }: ToolFields['tools'][number]): object {
  return examples.length === 0 ? schema : { ...schema, examples };
}
