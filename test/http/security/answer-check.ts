import { z } from 'zod';
import { errorCatalogue, type ErrorCode } from '../../../src/core/errors.js';
import { eventsIn } from '../stream-events.js';

/** Codes of 5xx that bad input may meet, since other requests unload and load the models meanwhile. */
const possible: readonly ErrorCode[] = [
  'model_unloading',
  'load_cancelled',
  'engine_closed',
  'insufficient_memory',
  'memory_pressure',
  'queue_full',
];
const possibleStatuses: ReadonlySet<number> = new Set(possible.map((code) => errorCatalogue[code].status));
const documentedStatuses: ReadonlySet<number> = new Set(
  Object.values(errorCatalogue).map(({ status }) => status),
);

/** An answer that has been read to its end. */
export interface ReadAnswer {
  readonly status: number;
  readonly type: string;
  readonly text: string;
}

const openaiError = z.strictObject({
  error: z.strictObject({
    message: z.string().min(1),
    type: z.string(),
    param: z.string().nullable(),
    code: z.enum(Object.keys(errorCatalogue) as [ErrorCode, ...ErrorCode[]]),
  }),
});

/** That of a stream of responses: the same, in an event of its own. */
const responsesError = openaiError.extend({
  type: z.literal('error'),
  sequence_number: z.int(),
  code: z.string(),
  message: z.string(),
  param: z.string().nullable(),
});

const anthropicError = z.strictObject({
  type: z.literal('error'),
  error: z.strictObject({ type: z.string(), message: z.string().min(1) }),
  request_id: z.string(),
});

const ollamaError = z.strictObject({ error: z.string().min(1) });

/** Why an answer of an endpoint is none that the documents allow; undefined when it is one. */
export function answerProblem(path: string, answer: ReadAnswer): string | undefined {
  try {
    if (answer.status === 200) checkWhole(answer);
    else checkRefusal(path, answer);
    return undefined;
  } catch (error) {
    return `${answer.status} ${answer.text.slice(-500)}: ${String(error)}`;
  }
}

/** An answer is complete, or says why it is not. */
function checkWhole({ type, text }: ReadAnswer): void {
  if (type.startsWith('text/event-stream')) checkEvents(text);
  else if (type.startsWith('application/x-ndjson')) checkLines(text);
  else JSON.parse(text);
}

const lastNames = ['message_stop', 'response.completed', 'response.incomplete'];

function checkEvents(text: string): void {
  const last = eventsIn(text).at(-1);
  if (last?.data === '[DONE]' || lastNames.includes(last?.name ?? '')) return;
  const data: unknown = JSON.parse(last?.data ?? 'null');
  if (last?.name === undefined) checkCode(openaiError.parse(data).error.code);
  else if (anthropicError.safeParse(data).data?.error.type === 'overloaded_error') return;
  else checkCode(responsesError.parse(data).error.code);
}

function checkLines(text: string): void {
  const lines = text.trimEnd().split('\n');
  const last: unknown = JSON.parse(lines.at(-1) ?? '');
  if (z.looseObject({ done: z.literal(true) }).safeParse(last).success) return;
  ollamaError.parse(last);
}

function checkCode(code: ErrorCode): void {
  if (!possible.includes(code)) throw new Error(`${code} is no fault of a body`);
}

function checkRefusal(path: string, { status, text }: ReadAnswer): void {
  if (!documentedStatuses.has(status)) throw new Error('no code has this status');
  if (status >= 500 && !possibleStatuses.has(status)) throw new Error('it is no fault of a body');
  const body: unknown = JSON.parse(text);
  if (path.startsWith('/api/')) ollamaError.parse(body);
  else if (path.startsWith('/v1/messages')) anthropicError.parse(body);
  else {
    const { code } = openaiError.parse(body).error;
    if (errorCatalogue[code].status !== status) throw new Error('the code has another status');
    if (status >= 500) checkCode(code);
  }
}
