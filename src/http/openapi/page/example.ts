import type { OperationObject } from '../document.js';

/** What stands in a page where the address of its server is to be. It needs no escaping, and is in no text. */
export const originMark = '@@ORIGIN@@';

/** An operation with its method and path. */
export interface PlacedOperation {
  readonly method: string;
  /** With parameters such as `{id}`. */
  readonly path: string;
  readonly operation: OperationObject;
}

/** A piece of code to try an operation with. */
export interface Example {
  readonly title: string;
  readonly code: string;
}

/** How to ask for an operation. What can be done with an official client is shown with it too. */
export function examplesOf(placed: PlacedOperation): readonly Example[] {
  const snippet = clientSnippet(placed);
  const curl = { title: 'curl', code: curlLine(placed) };
  return snippet === undefined ? [curl] : [curl, snippet];
}

function bodyOf({ operation }: PlacedOperation): unknown {
  return operation.requestBody?.content['application/json'].example;
}

/** For shells of Unix. */
function curlLine(placed: PlacedOperation): string {
  const { method, path, operation } = placed;
  const body = bodyOf(placed);
  const isStream = Object.keys(operation.responses['200']?.content ?? {}).includes('application/x-ndjson');
  const parts = [
    `curl ${isStream ? '-N ' : ''}${method === 'get' || body !== undefined ? '' : `-X ${method.toUpperCase()} `}`,
    originMark + path.replaceAll('{id}', path.startsWith('/v1/responses') ? 'resp_…' : 'starter'),
  ];
  const line = parts.join('');
  if (body === undefined) return line;
  const json = JSON.stringify(body, null, 2).replaceAll("'", String.raw`'\''`);
  return `${line} \\\n  -H 'content-type: application/json' \\\n  -d '${json}'`;
}

/** Calls of the official clients, by the operation's id. */
const calls: Readonly<Record<string, { readonly client: 'openai' | 'anthropic'; readonly call: string }>> = {
  createChatCompletion: { client: 'openai', call: 'chat.completions.create' },
  createCompletion: { client: 'openai', call: 'completions.create' },
  createEmbeddings: { client: 'openai', call: 'embeddings.create' },
  createResponse: { client: 'openai', call: 'responses.create' },
  createMessage: { client: 'anthropic', call: 'messages.create' },
  countMessageTokens: { client: 'anthropic', call: 'messages.countTokens' },
};

function clientSnippet(placed: PlacedOperation): Example | undefined {
  const known = calls[placed.operation.operationId];
  if (known === undefined) return undefined;
  const made =
    known.client === 'openai'
      ? `import OpenAI from 'openai';\n\nconst client = new OpenAI({ baseURL: '${originMark}/v1', apiKey: 'none' });`
      : `import Anthropic from '@anthropic-ai/sdk';\n\nconst client = new Anthropic({ baseURL: '${originMark}', apiKey: 'none' });`;
  const body = JSON.stringify(bodyOf(placed), null, 2);
  return { title: 'JavaScript', code: `${made}\nconst answer = await client.${known.call}(${body});` };
}
