import { afterEach, describe, expect, it } from 'vitest';
import { events, FakeServer, textOf } from './fake-server.js';

const script = 'Tokens leave as they are made, ä and € included.';
let server: FakeServer;

afterEach(async () => server.stop());

describe('a stream', () => {
  it.each([
    ['/v1/chat/completions', { messages: [{ role: 'user', content: 'Hi' }] }],
    ['/v1/completions', { prompt: 'Hi' }],
  ])('of %s has the text of token k at the client before step k + 1 may begin', async (path, prompt) => {
    server = await FakeServer.start({ fake: `fake:?scriptedText=${encodeURIComponent(script)}` });
    server.gate.hold();
    const response = await server.post(path, { model: 'fake', stream: true, ...prompt });
    const received = events(response);
    const bytes = new TextEncoder().encode(script);
    const decoder = new TextDecoder();
    for (const [index, byte] of bytes.entries()) {
      // The engine stands before step k; the step computes the prompt or token k - 1, and draws token k.
      await server.gate.reached(index + 1);
      server.gate.release(1);
      const expected = decoder.decode(Uint8Array.of(byte), { stream: true });
      if (expected === '') continue; // a character that is not whole yet
      let text: string | undefined;
      while (text === undefined) text = textOf((await received.next()).value ?? '[DONE]');
      expect(text).toBe(expected);
      // Step k + 1 has not begun: nobody has let it through.
      expect(server.gate.step).toBeLessThanOrEqual(index + 2);
    }
    server.gate.open();
    const rest: string[] = [];
    for await (const event of received) rest.push(event);
    expect(rest).toHaveLength(2);
    expect(rest[0]).toContain('"finish_reason":"stop"');
    expect(rest[1]).toBe('[DONE]');
  });

  it('has its head at the client before the first step', async () => {
    server = await FakeServer.start({ fake: 'fake:?endAfter=1' });
    server.gate.hold();
    const response = await server.post('/v1/completions', { model: 'fake', prompt: 'Hi', stream: true });
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
    expect(server.gate.step).toBeLessThanOrEqual(1);
  });

  it('of a client that reads nothing holds nothing of the engine, and is there when it reads at last', async () => {
    server = await FakeServer.start({ fake: 'fake:?' }, { contextSize: 16_384 });
    const response = await server.post('/v1/completions', {
      model: 'fake',
      prompt: 'Hi',
      stream: true,
      n: 4,
      max_tokens: 4000,
      ignore_eos: true,
      stream_options: { include_usage: true },
    });
    const engine = await server.engine('fake');
    while (engine.pendingRequests > 0) await new Promise((resolve) => setImmediate(resolve));
    expect((await engine.inspect()).running).toBe(0);
    let last = '';
    for await (const event of events(response)) if (event !== '[DONE]') last = event;
    expect(JSON.parse(last)).toMatchObject({ choices: [], usage: { completion_tokens: 16_000 } });
  });
});
