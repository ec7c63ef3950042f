import OpenAI, { BadRequestError, NotFoundError } from 'openai';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLogger } from '../../src/core/logger.js';
import { FakeServer } from './fake-server.js';

const template = "{%- for m in messages %}{{ '[' + m.role + ']' + m.content }}{%- endfor %}";
const scripts = [
  ['[user]a[assistant]One.[user]b[assistant]Two.[user]c', 'Three.'],
  ['[user]a[assistant]One.[user]b', 'Two.'],
  ['[user]a', 'One.'],
];

let server: FakeServer;
let client: OpenAI;
let logged: unknown[];

beforeEach(async () => {
  const fake = new URLSearchParams({ chatTemplate: template, scripts: JSON.stringify(scripts) });
  logged = [];
  const note = (...parts: unknown[]): void => {
    logged.push(parts);
  };
  const log = { ...silentLogger, debug: note, info: note, warn: note, error: note };
  server = await FakeServer.start({ fake: `fake:?${fake.toString()}` }, { batchSize: 1024 }, { log });
  client = clientOf('none');
});
afterEach(async () => server.stop());

function clientOf(apiKey: string): OpenAI {
  return new OpenAI({ baseURL: `${server.url}/v1`, apiKey, maxRetries: 0 });
}

const model = 'fake';

describe('a response that is stored', () => {
  it('is gone on from, streamed or not, without saying again what was said', async () => {
    const one = await client.responses.create({ model, input: 'a' });
    const two = await client.responses
      .stream({ model, input: 'b', previous_response_id: one.id })
      .finalResponse();
    const three = await client.responses.create({ model, input: 'c', previous_response_id: two.id });
    expect([one, two, three].map(({ output_text }) => output_text)).toEqual(['One.', 'Two.', 'Three.']);
    // Another way to go on from the first one.
    const other = await client.responses.create({ model, input: 'b', previous_response_id: one.id });
    expect(other.output_text).toBe('Two.');
  });

  it('does not carry its instructions over', async () => {
    const first = await client.responses.create({ model, input: 'a', instructions: 'Be terse.' });
    const next = await client.responses.create({ model, input: 'b', previous_response_id: first.id });
    expect(next.instructions).toBeNull();
    // A token of the fake model is a byte; one more begins the prompt.
    expect(next.usage?.input_tokens).toBe(1 + '[user]a[assistant]One.[user]b'.length);
  });

  it('is told again as it was, until it is deleted', async () => {
    const made = await client.responses.create({ model, input: 'a', metadata: { a: 'b' } });
    expect(await client.responses.retrieve(made.id)).toEqual(made);
    await client.responses.delete(made.id);
    await expect(client.responses.retrieve(made.id)).rejects.toThrow(NotFoundError);
    await expect(client.responses.delete(made.id)).rejects.toMatchObject({ code: 'response_not_found' });
    await expect(
      client.responses.create({ model, input: 'b', previous_response_id: made.id }),
    ).rejects.toMatchObject({ status: 404, code: 'response_not_found', param: 'previous_response_id' });
  });

  it('has what it answers as items, in pages', async () => {
    const one = await client.responses.create({ model, input: 'a' });
    const mine: OpenAI.Responses.EasyInputMessage & { id: string } = {
      role: 'user',
      content: 'b',
      id: 'msg_mine',
    };
    const two = await client.responses.create({
      model,
      input: [mine],
      previous_response_id: one.id,
    });
    const texts: unknown[] = [];
    for await (const item of client.responses.inputItems.list(two.id, { limit: 1, order: 'asc' }))
      texts.push(item);
    expect(texts).toMatchObject([
      { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'a' }] },
      one.output[0],
      { id: 'msg_mine', type: 'message', role: 'user', content: [{ type: 'input_text', text: 'b' }] },
    ]);
    const page = await client.responses.inputItems.list(two.id, { limit: 2 });
    expect(page.data.map(({ id }) => id)).toEqual(['msg_mine', one.output[0]?.id]);
    expect(page.has_more).toBe(true);
    await expect(client.responses.inputItems.list(two.id, { after: 'x' })).rejects.toMatchObject({
      param: 'after',
    });
    await expect(client.responses.inputItems.list(two.id, { limit: 101 })).rejects.toMatchObject({
      param: 'limit',
    });
  });

  it('is one that was not asked not to be', async () => {
    const made = await client.responses.create({ model, input: 'a', store: false });
    expect(made).toMatchObject({ output_text: 'One.', store: false });
    await expect(client.responses.retrieve(made.id)).rejects.toThrow(NotFoundError);
  });

  it('can not be cancelled, nor streamed again', async () => {
    const made = await client.responses.create({ model, input: 'a' });
    await expect(client.responses.cancel(made.id)).rejects.toThrow(BadRequestError);
    await expect(client.responses.cancel('resp_x')).rejects.toThrow(NotFoundError);
    await expect(client.responses.retrieve(made.id, { stream: true })).rejects.toMatchObject({
      param: 'stream',
    });
    await expect(
      client.responses.retrieve(made.id, { include: ['reasoning.encrypted_content'] }),
    ).rejects.toThrow(BadRequestError);
  });

  it('is not there for another key', async () => {
    const made = await client.responses.create({ model, input: 'a' });
    const other = clientOf('another');
    await expect(other.responses.retrieve(made.id)).rejects.toThrow(NotFoundError);
    await expect(other.responses.inputItems.list(made.id)).rejects.toThrow(NotFoundError);
    await expect(other.responses.delete(made.id)).rejects.toThrow(NotFoundError);
    await expect(
      other.responses.create({ model, input: 'b', previous_response_id: made.id }),
    ).rejects.toMatchObject({ code: 'response_not_found' });
    expect((await client.responses.retrieve(made.id)).output_text).toBe('One.');
  });

  it('is in no log', async () => {
    const made = await client.responses.create({ model, input: 'a', instructions: 'A secret.' });
    await client.responses.create({ model, input: 'b secret', previous_response_id: made.id });
    await client.responses.retrieve(made.id);
    expect(logged.length).toBeGreaterThan(0);
    const text = JSON.stringify(logged);
    for (const said of ['secret', 'One.', 'Two.']) expect(text).not.toContain(said);
  });
});
