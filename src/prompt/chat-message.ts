/**
 * A message of a chat, as the OpenAI API has it: text content, other fields as the client sent them. `tool_calls` of an
 * assistant are `{id, type, function: {name, arguments}}` with the arguments as JSON text, a tool's result has the
 * `tool_call_id`, and `reasoning_content` is what the assistant reasoned. Templates get them in the shape that they want.
 */
export interface ChatMessage {
  readonly role: 'system' | 'user' | 'assistant' | 'tool';
  readonly content: string;
  readonly [field: string]: unknown;
}
