import type { ToolDefinition } from './tool-definition.js';

/** A tool, and how calls of it are held to its schema. */
export interface CalledTool extends ToolDefinition {
  /** Its arguments must be as the schema says; else they are where that can be seen to. */
  readonly strict: boolean;
  /** Where its schema stands in the request, for errors, such as `tools[0].function.parameters`. */
  readonly path: string;
}

/** Which calls an answer may have, or must. */
export interface CallDemand {
  readonly mode: 'auto' | 'required';
  /** Those that may be called. */
  readonly tools: readonly CalledTool[];
  /** Path of the request field that asks for it, for errors. */
  readonly param: string;
}
