import { afterEach, describe, expect, it } from 'vitest';
import { FakeServer } from './fake-server.js';

let server: FakeServer;

afterEach(async () => server.stop());

interface Asked {
  readonly name: string;
  readonly body?: object;
  readonly headers?: Record<string, string>;
}

/** The order in which requests are answered that came one after the other, behind one that holds the only slot. */
async function orderOf(path: string, first: Asked, ...later: readonly Asked[]): Promise<string[]> {
  server = await FakeServer.start({ fake: 'fake:?' }, { slots: 1 });
  server.gate.hold();
  const order: string[] = [];
  const post = async ({ name, body, headers }: Asked): Promise<void> => {
    const response = await fetch(`${server.url}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify({
        model: 'fake',
        ...(path.endsWith('chat/completions')
          ? { messages: [{ role: 'user', content: 'Hi' }] }
          : { prompt: 'Hi' }),
        max_tokens: 3,
        ignore_eos: true,
        ...body,
      }),
    });
    expect([name, response.status, await response.text()]).toMatchObject([name, 200, expect.any(String)]);
    order.push(name);
  };
  const answers = [post(first)];
  await server.gate.reached(1);
  server.gate.release();
  await server.gate.reached(2);
  const engine = await server.engine('fake');
  for (const [index, asked] of later.entries()) {
    answers.push(post(asked));
    while (engine.pendingRequests < index + 2) await new Promise((resolve) => setImmediate(resolve));
  }
  server.gate.open();
  await Promise.all(answers);
  return order;
}

describe.each(['/v1/chat/completions', '/v1/completions'])('the turn of a request to %s', (path) => {
  it('is by its priority, whatever its name', async () => {
    const asked = [
      { name: 'batch', body: { priority: 'batch' } },
      { name: 'flex', body: { service_tier: 'flex' } },
      { name: 'plain' },
      { name: 'auto', body: { service_tier: 'auto' } },
      { name: 'high', body: { priority: 'high' } },
      { name: 'priority', body: { service_tier: 'priority' } },
    ];
    expect(await orderOf(path, { name: 'first' }, ...asked)).toEqual([
      'first',
      'high',
      'priority',
      'plain',
      'auto',
      'batch',
      'flex',
    ]);
  });

  it('is that of a user who was served less', async () => {
    const of = (user: string, name: string): Asked => ({ name, body: { user } });
    expect(await orderOf(path, of('ann', 'ann 1'), of('ann', 'ann 2'), of('bob', 'bob 1'))).toEqual([
      'ann 1',
      'bob 1',
      'ann 2',
    ]);
  });

  it('is that of an API key that was served less', async () => {
    const of = (key: string, name: string): Asked => ({ name, headers: { authorization: `Bearer ${key}` } });
    expect(await orderOf(path, of('k', 'k 1'), of('k', 'k 2'), of('l', 'l 1'))).toEqual([
      'k 1',
      'l 1',
      'k 2',
    ]);
  });
});
