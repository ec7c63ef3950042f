import type { z } from 'zod';
import type { ErrorCode } from '../../core/errors.js';

/** The groups that operations are listed in, in this order. */
export const tags = [
  { name: 'OpenAI', description: 'The OpenAI API: chats, texts, embeddings, models; and reranking.' },
  { name: 'Responses', description: "OpenAI's newer API: a list of items in, a list of items out." },
  { name: 'Anthropic', description: "Anthropic's Messages." },
  { name: 'Ollama', description: 'The Ollama API, for clients that speak only that.' },
  { name: 'Server', description: 'How the server is doing, and what an operator does with it.' },
] as const;

export type TagName = (typeof tags)[number]['name'];

/** Texts by the path of what they describe, such as `tools[].function.strict`. */
export type Descriptions = Readonly<Record<string, string>>;

/** An object that has a name in the document. */
export interface NamedSchema {
  /** Such as `ChatCompletion`. */
  readonly name: string;
  readonly schema: z.ZodType;
}

/** The body of a request, from the very schema that its route parses with. */
export interface RequestBody extends NamedSchema {
  readonly schema: z.ZodObject;
  /** Parameters that are not supported, with the values that ask for nothing; as the route has them. */
  readonly neutral?: Readonly<Record<string, readonly unknown[]>>;
  readonly descriptions: Descriptions;
  /** Nothing need be sent. */
  readonly isOptional?: boolean;
}

/** What comes, when all goes well, with the status 200. */
export type Answer =
  | { readonly kind: 'json'; readonly description: string; readonly body: NamedSchema }
  | { readonly kind: 'text'; readonly description: string; readonly contentType: string };

/** How an answer is streamed, when the request asks for it. */
export interface AnswerStream {
  readonly contentType: 'text/event-stream' | 'application/x-ndjson';
  readonly description: string;
  /** The data of an event, or a line. */
  readonly item: NamedSchema;
}

/** A header that an operation looks at. */
export interface RequestHeader {
  readonly name: string;
  readonly description: string;
  readonly schema: z.ZodType;
}

/** What can be asked of the server at a path. */
export interface Operation {
  readonly method: 'get' | 'post' | 'delete';
  /** As the router has it, with parameters such as `:id`. */
  readonly path: string;
  /** Other paths where the same is to be had. */
  readonly alsoAt?: readonly string[];
  /** The operation's name in generated clients. */
  readonly id: string;
  readonly tag: TagName;
  readonly summary: string;
  readonly description?: string;
  /** What `:id` is. */
  readonly idIs?: string;
  readonly query?: { readonly schema: z.ZodObject; readonly descriptions: Descriptions };
  readonly headers?: readonly RequestHeader[];
  readonly body?: RequestBody;
  /** Absent where there is never anything but an error. */
  readonly answer?: Answer;
  readonly stream?: AnswerStream;
  /** Beside those of every operation, of its access level and of what it takes. */
  readonly errors?: readonly ErrorCode[];
  /** A body to try it with. */
  readonly example?: Readonly<Record<string, unknown>>;
}
