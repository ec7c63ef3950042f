import { describe, expect, it } from 'vitest';
import { ChatStream } from './chat-stream.js';

const event = (data: object): string => `data: ${JSON.stringify(data)}\n\n`;
const piece = (content: string): string => event({ choices: [{ delta: { content } }] });
const usage = event({
  choices: [],
  usage: { prompt_tokens: 7, completion_tokens: 2, prompt_tokens_details: { cached_tokens: 4 } },
});

/** A stream whose times of being given up are counted. */
function streamWithAborts(): { stream: ChatStream; aborts: () => number } {
  const stream = new ChatStream();
  let count = 0;
  stream.abort = () => count++;
  return { stream, aborts: () => count };
}

describe('a chat stream', () => {
  it('ends at [DONE], with text, counts and the time of every piece', async () => {
    const { stream, aborts } = streamWithAborts();
    expect(stream.begun).toBe(false);
    stream.push(event({ choices: [{ delta: { role: 'assistant', content: '' } }] }));
    expect(stream.begun).toBe(false);
    stream.push(piece('Hello'));
    expect(stream.begun).toBe(true);
    stream.push(piece(' you') + event({ choices: [{ delta: {}, finish_reason: 'length' }] }) + usage);
    stream.push('data: [DONE]\n\n');
    const result = await stream.finished;
    expect(result).toMatchObject({
      text: 'Hello you',
      promptTokens: 7,
      completionTokens: 2,
      cachedTokens: 4,
      finishReason: 'length',
      cancelled: false,
    });
    expect(result.failure).toBeUndefined();
    const times = [result.sentAt, ...result.arrivals, result.endedAt];
    expect(times).toHaveLength(4);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    // The connection can be used again, so nothing was given up.
    expect(aborts()).toBe(0);
  });

  it('counts thoughts as tokens, but not as text of the answer', async () => {
    const stream = new ChatStream();
    stream.push(event({ choices: [{ delta: { reasoning_content: 'hm' } }] }) + piece('Yes'));
    stream.push('data: [DONE]\n\n');
    expect(await stream.finished).toMatchObject({
      text: 'Yes',
      arrivals: [{}, {}].map(() => expect.any(Number)),
    });
  });

  it.each([
    ['truncated', (stream: ChatStream) => stream.close()],
    ['malformed', (stream: ChatStream) => stream.push('data: {"choices"\n\n')],
    ['stream overloaded', (stream: ChatStream) => stream.push(event({ error: { code: 'overloaded' } }))],
  ])('that fails in its middle is %s and given up', async (kind, end) => {
    const { stream, aborts } = streamWithAborts();
    stream.push(piece('Hello'));
    end(stream);
    stream.push(piece(' you') + 'data: [DONE]\n\n');
    stream.close();
    const result = await stream.finished;
    expect(result).toMatchObject({ failure: { kind }, text: 'Hello', cancelled: false });
    expect(result.arrivals).toHaveLength(1);
    expect(aborts()).toBe(1);
  });

  it('without any text is empty', async () => {
    const stream = new ChatStream();
    stream.push('data: [DONE]\n\n');
    expect(await stream.finished).toMatchObject({ failure: { kind: 'empty' } });
  });

  it('that was given up is no failure, whatever comes after', async () => {
    const { stream, aborts } = streamWithAborts();
    stream.cancel();
    stream.fail({ kind: 'reset', message: 'The socket is closed.' });
    const result = await stream.finished;
    expect(result.cancelled).toBe(true);
    expect(result.failure).toBeUndefined();
    expect(aborts()).toBe(1);
  });

  it('tells when so many pieces are there, or it has ended', async () => {
    const stream = new ChatStream();
    const [two, ten] = [stream.reached(2), stream.reached(10)];
    let reached = 0;
    const counting = Promise.all([two.then(() => reached++), ten.then(() => reached++)]);
    stream.push(piece('one'));
    await new Promise(setImmediate);
    expect(reached).toBe(0);
    stream.push(piece('two'));
    await two;
    await new Promise(setImmediate);
    expect(reached).toBe(1);
    stream.close();
    await counting;
    await stream.reached(99);
  });
});
