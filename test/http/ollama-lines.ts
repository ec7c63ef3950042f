import type { z } from 'zod';

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
