import { z } from 'zod';

/** Nanoseconds, measured: never less than nothing. */
const duration = z.int().min(0);

const spelled = { token: z.string(), logprob: z.number().max(0), bytes: z.array(z.int()).min(1).optional() };

const logprobs = z
  .array(z.strictObject({ ...spelled, top_logprobs: z.array(z.strictObject(spelled)).optional() }))
  .optional();

const head = {
  model: z.string(),
  created_at: z.iso.datetime(),
};

const last = {
  logprobs,
  done: z.literal(true),
  done_reason: z.enum(['stop', 'length']),
  total_duration: duration,
  load_duration: duration,
  prompt_eval_count: z.int().min(1),
  prompt_eval_duration: duration,
  eval_count: z.int().min(0),
  eval_duration: duration,
  warnings: z.array(z.string()).optional(),
};

const message = z.strictObject({
  role: z.literal('assistant'),
  content: z.string(),
  thinking: z.string().optional(),
  tool_calls: z
    .array(
      z.strictObject({
        id: z.string(),
        function: z.strictObject({
          index: z.int(),
          name: z.string(),
          arguments: z.record(z.string(), z.unknown()),
        }),
      }),
    )
    .optional(),
});

const text = { response: z.string(), thinking: z.string().optional() };

/** What an answer of `/api/chat` is, and a line of one that is streamed. */
export const chatAnswer = z.strictObject({ ...head, message, ...last });
export const chatLine = z.union([
  z.strictObject({ ...head, message, logprobs, done: z.literal(false) }),
  chatAnswer.extend({
    message: z.strictObject({ role: z.literal('assistant'), content: z.literal('') }),
  }),
]);

/** The same of `/api/generate`. */
export const generateAnswer = z.strictObject({ ...head, ...text, ...last });
export const generateLine = z.union([
  z.strictObject({ ...head, ...text, logprobs, done: z.literal(false) }),
  generateAnswer.extend({ response: z.literal('') }),
]);

/** The answer to a request without a prompt. */
export const residenceAnswer = z.strictObject({
  ...head,
  response: z.literal(''),
  done: z.literal(true),
  done_reason: z.enum(['load', 'unload']),
});

/** The lines of a stream, as they arrive. */
export async function* lines(response: Response): AsyncGenerator {
  const decoder = new TextDecoder();
  let pending = '';
  for await (const data of response.body ?? []) {
    pending += decoder.decode(data as Uint8Array, { stream: true });
    for (let end = pending.indexOf('\n'); end >= 0; end = pending.indexOf('\n')) {
      yield JSON.parse(pending.slice(0, end)) as unknown;
      pending = pending.slice(end + 1);
    }
  }
  if (pending !== '') throw new Error(`the last line does not end: ${pending}`);
}

/** All of them, each of a form; the last one is told by its `done`. */
export async function transcript<Line extends { done: boolean }>(
  response: Response,
  line: z.ZodType<Line>,
): Promise<Line[]> {
  const all: Line[] = [];
  for await (const one of lines(response)) all.push(line.parse(one));
  if (all.findIndex(({ done }) => done) !== all.length - 1) throw new Error('the last line is not the end');
  return all;
}
