/** A JSON schema, as far as its object was sent. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** A tool that a model may call. */
export interface ToolDefinition {
  readonly name: string;
  /** Schema of its arguments, an object; none where it takes none. */
  readonly parameters?: JsonSchema;
}
