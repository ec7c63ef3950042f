import { z } from 'zod';
import { HeddleError } from '../../core/errors.js';
import { checkStrictTools } from '../../prompt/output/argument-grammar.js';
import type { CallDemand } from '../../prompt/output/called-tool.js';
import type { ToolDefinition } from '../../prompt/output/tool-definition.js';
import { toolName } from '../tool-name.js';

const tool = z.strictObject({
  type: z.literal('function', 'only functions are supported'),
  function: z.strictObject({
    name: toolName,
    description: z.string().optional(),
    /** A JSON schema. */
    parameters: z.record(z.string(), z.unknown()).nullish(),
    /** Arguments are held to the schema, or the request is refused. */
    strict: z.boolean().nullish(),
  }),
});

const namedTool = z.strictObject({
  type: z.literal('function'),
  function: z.strictObject({ name: z.string() }),
});

const allowedTools = z.strictObject({
  type: z.literal('allowed_tools'),
  allowed_tools: z.strictObject({
    mode: z.enum(['auto', 'required']),
    tools: z.array(namedTool),
  }),
});

/** The parameters of a chat that are about tools. */
export const toolFields = {
  tools: z.array(tool).default([]),
  tool_choice: z
    .union([z.enum(['none', 'auto', 'required']), namedTool, allowedTools], {
      error: 'tool_choice must be none, auto, required, a function by its name, or allowed_tools',
    })
    .default('auto'),
  parallel_tool_calls: z.boolean().default(true),
};

type ToolFields = z.infer<z.ZodObject<typeof toolFields>>;

/** The tools of a request, whatever the API. */
export interface OfferedTools {
  /** As the chat template is given them. */
  readonly sent: readonly object[];
  /** Those that may be called. */
  readonly definitions: readonly ToolDefinition[];
  /** Which calls there may be, or must; none when absent. */
  readonly calls?: CallDemand;
}

/**
 * The tools of a request: none, where none may be called, and those that are allowed, where some are.
 * @throws HeddleError `invalid_parameter` for two tools of one name, a choice of a tool that there is not, or a demand for
 * calls of none; `unsupported_schema` for a strict schema that can not be enforced
 */
export function toOfferedTools({ tools, tool_choice: choice }: ToolFields): OfferedTools {
  const functions = tools.map((one, index) => ({
    ...one.function,
    path: `tools[${index}].function`,
  }));
  return offerTools(functions, toChoice(choice));
}

/** A choice of tools, with the paths of what it names. */
export interface ToolChoice {
  readonly mode: 'none' | 'auto' | 'required';
  /** The one that must be called. */
  readonly named?: { readonly name: string; readonly path: string };
  /** Those that the model sees; all when absent. */
  readonly allowed?: readonly { readonly name: string; readonly path: string }[];
}

function toChoice(choice: ToolFields['tool_choice']): ToolChoice {
  if (typeof choice === 'string') return { mode: choice };
  if (choice.type === 'function')
    return {
      mode: 'required',
      named: { name: choice.function.name, path: 'tool_choice.function.name' },
    };
  const { mode, tools } = choice.allowed_tools;
  const path = (index: number): string => `tool_choice.allowed_tools.tools[${index}].function.name`;
  return {
    mode,
    allowed: tools.map(({ function: { name } }, index) => ({ name, path: path(index) })),
  };
}

/** A function as OpenAI's APIs have it. */
interface SentFunction {
  readonly name: string;
  readonly description?: string | null | undefined;
  readonly parameters?: Readonly<Record<string, unknown>> | null | undefined;
  readonly strict?: boolean | null | undefined;
  /** Where it stands in the request. */
  readonly path: string;
}

/** The tools of a choice. @throws HeddleError as {@link toOfferedTools} */
export function offerTools(functions: readonly SentFunction[], choice: ToolChoice): OfferedTools {
  const names = new Set<string>();
  for (const { name, path } of functions) {
    if (names.has(name)) throw invalid(`${path}.name`, `There are two tools with the name "${name}".`);
    names.add(name);
  }
  const { mode, named, allowed } = choice;
  for (const one of [...(named === undefined ? [] : [named]), ...(allowed ?? [])])
    if (!names.has(one.name)) throw invalid(one.path, `There is no tool "${one.name}" to choose.`);
  if (mode === 'none') return { sent: [], definitions: [] };
  const isAllowed = new Set(allowed?.map(({ name }) => name) ?? names);
  const offered = functions.filter(({ name }) => isAllowed.has(name));
  if (mode === 'required' && offered.length === 0)
    throw invalid('tool_choice', 'A call is demanded, but there are no tools that could be called.');
  const called = offered
    .filter(({ name }) => named === undefined || name === named.name)
    .map(({ name, parameters, strict, path }) => ({
      ...toDefinition({ name, parameters }),
      strict: strict === true,
      path: `${path}.parameters`,
    }));
  checkStrictTools(called);
  return {
    sent: offered.map(({ name, description, parameters }) => ({
      type: 'function',
      function: {
        name,
        ...(typeof description === 'string' ? { description } : {}),
        ...(typeof parameters === 'object' && parameters !== null ? { parameters } : {}),
      },
    })),
    definitions: offered.map(toDefinition),
    calls: { mode, tools: called, param: mode === 'required' ? 'tool_choice' : 'tools' },
  };
}

function toDefinition({ name, parameters }: Pick<SentFunction, 'name' | 'parameters'>): ToolDefinition {
  return { name, ...(parameters === undefined || parameters === null ? {} : { parameters }) };
}

function invalid(param: string, message: string): HeddleError {
  return new HeddleError('invalid_parameter', message, { param });
}
