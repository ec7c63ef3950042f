/**
 * How long a model may reason before it has to answer. The engine counts the tokens of its reasoning, those of the markers
 * included that it writes itself, and then writes `closing` in its place: tokens that are not drawn, but count as
 * generated and appear in the text.
 */
export interface ReasoningLimit {
  /** At most; 0 and more. It may be exceeded by three where a character is not complete yet. */
  readonly tokens: number;
  /** Text that begins reasoning; absent where the prompt has begun it. */
  readonly open?: string;
  /** It can begin anywhere and again; else only with the output, and once. */
  readonly anywhere?: boolean;
  /** Text that ends it. */
  readonly close: string;
  /** Other texts that end it, such as what a tool call begins with. */
  readonly ends?: readonly string[];
  /** What is written to end it; control tokens written out in it are read as such. */
  readonly closing: string;
}
