import { afterEach, describe, expect, it } from 'vitest';
import { FakeServer } from './fake-server.js';
import { chatAnswer, chatLine } from '../../src/http/openapi/answers/ollama.js';
import { lines, transcript } from './ollama-lines.js';

const template = [
  '{%- for tool in tools or [] %}{{ tool | tojson }}{%- endfor %}',
  "{%- for m in messages %}{{ '[' + m.role + ']' + m.content }}",
  "{%- for c in m.tool_calls or [] %}{{ '<tool_call>' + c.function.name + (c.function.arguments | tojson) }}{%- endfor %}",
  "{%- endfor %}{%- if enable_thinking is defined %}{{ '(think ' ~ enable_thinking ~ ')' }}{%- endif %}",
  "{{ '[assistant]' }}{#- <think> </think> #}",
].join('');

const weather = {
  type: 'function',
  function: {
    name: 'get_weather',
    description: 'The weather of a city',
    parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
  },
};
const question = { role: 'user', content: 'How is the weather in Paris?' };
const call = '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Paris"}}\n</tool_call>';
const modelCall = (city: string): object => ({
  function: { name: 'get_weather', arguments: { city } },
});

let server: FakeServer;
afterEach(async () => server.stop());

async function start(
  parts: { text?: string; scripts?: [string, string][]; template?: string; options?: object } = {},
): Promise<void> {
  const query = new URLSearchParams({ chatTemplate: parts.template ?? template });
  if (parts.text !== undefined) query.set('scriptedText', parts.text);
  if (parts.scripts !== undefined) query.set('scripts', JSON.stringify(parts.scripts));
  for (const [name, value] of Object.entries(parts.options ?? {})) query.set(name, String(value));
  server = await FakeServer.start({ fake: `fake:?${query.toString()}` }, { batchSize: 1024 });
}

async function post(body: object): Promise<Response> {
  return server.post('/api/chat', { model: 'fake', messages: [question], ...body });
}

async function ask(body: object = {}): Promise<(typeof chatAnswer)['_output']> {
  const response = await post({ stream: false, ...body });
  const answer: unknown = await response.json();
  expect(response.status).toBe(200);
  return chatAnswer.parse(answer);
}

async function refusal(body: object): Promise<string> {
  const response = await post(body);
  expect(response.status).toBe(400);
  const answer = (await response.json()) as { error: string };
  expect(Object.keys(answer)).toEqual(['error']);
  return answer.error;
}

describe('a chat', () => {
  it('is streamed where nothing is said, a line for each piece, the last one with counts and times', async () => {
    await start({ text: 'Hello.' });
    const response = await post({});
    expect(response.headers.get('content-type')).toBe('application/x-ndjson');
    const all = await transcript(response, chatLine);
    expect(all.map(({ message }) => message.content)).toEqual(['H', 'e', 'l', 'l', 'o', '.', '']);
    expect(all.every(({ model }) => model === 'fake')).toBe(true);
    expect(all.at(-1)).toMatchObject({ done: true, done_reason: 'stop', eval_count: 6 });
  });

  it('is one object where no stream is wanted', async () => {
    await start({ text: 'Hello.' });
    const answer = await ask();
    expect(answer.message).toEqual({ role: 'assistant', content: 'Hello.' });
    expect(answer).toMatchObject({ done: true, done_reason: 'stop', eval_count: 6 });
  });

  it('tells times that are parts of the whole', async () => {
    await start({ text: 'Hello.', options: { stepDelayMs: 2, loadDelayMs: 2 } });
    const { total_duration, load_duration, prompt_eval_duration, eval_duration } = await ask();
    for (const part of [load_duration, prompt_eval_duration, eval_duration]) expect(part).toBeGreaterThan(0);
    expect(load_duration + prompt_eval_duration + eval_duration).toBeLessThanOrEqual(total_duration);
  });

  it('is at the client while it goes on', async () => {
    await start({ text: 'Hello.' });
    server.gate.hold();
    const received = lines(await post({}));
    server.gate.release(2);
    expect((await received.next()).value).toMatchObject({ message: { content: 'H' }, done: false });
    server.gate.open();
    let rest = 0;
    for await (const line of received) rest += Number(chatLine.safeParse(line).success);
    expect(rest).toBe(6);
  });

  it('that fails in the middle ends with an error as its last line', async () => {
    await start({ text: 'Hello.', options: { failAtDecode: 4 } });
    const all: unknown[] = [];
    for await (const line of lines(await post({}))) all.push(line);
    expect(all.slice(0, -1).every((line) => chatLine.safeParse(line).success)).toBe(true);
    expect(all.length).toBeGreaterThan(1);
    expect(all.at(-1)).toEqual({ error: expect.any(String) as string });
  });

  it('ends at its length, or before a stop string', async () => {
    await start({ text: 'One two three.' });
    expect(await ask({ options: { num_predict: 3 } })).toMatchObject({
      message: { content: 'One' },
      done_reason: 'length',
      eval_count: 3,
    });
    expect(await ask({ options: { num_predict: -1, stop: [' three'] } })).toMatchObject({
      message: { content: 'One two' },
      done_reason: 'stop',
    });
  });

  it('is the same with the same seed', async () => {
    await start();
    const options = { seed: 7, temperature: 1.5, num_predict: 20, top_p: 0.9, top_k: 50, min_p: 0.01 };
    const { message } = await ask({ options });
    expect((await ask({ options })).message).toEqual(message);
    expect((await ask({ options: { ...options, seed: 8 } })).message).not.toEqual(message);
  });

  it('is of a model by its name with a tag, and answers with the name that was asked', async () => {
    await start({ text: 'Hello.' });
    expect(await ask({ model: 'fake:latest' })).toMatchObject({ model: 'fake:latest', done: true });
    const response = await post({ model: 'nope:latest' });
    expect([response.status, await response.json()]).toEqual([
      404,
      { error: 'There is no model "nope:latest". There is: fake.' },
    ]);
  });
});

describe('reasoning', () => {
  it('is told apart', async () => {
    await start({ text: '<think>\nHm.\n</think>\n\nYes.' });
    expect((await ask()).message).toEqual({ role: 'assistant', content: 'Yes.', thinking: 'Hm.' });
    const all = await transcript(await post({}), chatLine);
    expect(all.map(({ message }) => ('thinking' in message ? message.thinking : '')).join('')).toBe('Hm.');
    expect(all.map(({ message }) => message.content).join('')).toBe('Yes.');
  });

  it('is switched as the template knows it', async () => {
    await start({
      scripts: [
        ['(think true)', 'on'],
        ['(think false)', 'off'],
      ],
    });
    for (const think of [true, 'high', 'low']) expect((await ask({ think })).message.content).toBe('on');
    expect((await ask({ think: false })).message.content).toBe('off');
  });

  it('of a model without it can not be asked for, and need not be left out', async () => {
    await start({ text: 'Hi', template: "{{ messages[0].content }}{{ '[assistant]' }}" });
    expect(await refusal({ think: true })).toContain('it does not reason');
    expect((await ask({ think: false })).message.content).toBe('Hi');
  });

  it('of a model that always reasons can not be left out', async () => {
    await start({ text: 'Hi', template: '{{ messages[0].content }}<think>' });
    expect(await refusal({ think: false })).toContain('always reasons');
    expect((await ask({ think: true })).message.thinking).toBe('Hi');
  });
});

describe('a tool call', () => {
  it('has its arguments as an object', async () => {
    await start({ text: `Let me look.\n${call}\n${call.replace('Paris', 'Oslo')}` });
    const { message, done_reason } = await ask({ tools: [weather] });
    expect(message).toMatchObject({ content: 'Let me look.' });
    expect(message.tool_calls?.map(({ function: called }) => called)).toEqual([
      { index: 0, name: 'get_weather', arguments: { city: 'Paris' } },
      { index: 1, name: 'get_weather', arguments: { city: 'Oslo' } },
    ]);
    expect(done_reason).toBe('stop');
  });

  it('is streamed when it is whole', async () => {
    await start({ text: `Let me look.\n${call}\n${call.replace('Paris', 'Oslo')}` });
    const all = await transcript(await post({ tools: [weather] }), chatLine);
    const calls = all.flatMap(({ message }) => ('tool_calls' in message ? (message.tool_calls ?? []) : []));
    expect(calls.map(({ function: { index, arguments: given } }) => [index, given])).toEqual([
      [0, { city: 'Paris' }],
      [1, { city: 'Oslo' }],
    ]);
    expect(new Set(calls.map(({ id }) => id)).size).toBe(2);
  });

  it('that is cut off is content', async () => {
    await start({ text: call });
    const options = { num_predict: call.indexOf('Paris') + 2 };
    const { message, done_reason } = await ask({ tools: [weather], options });
    expect([message, done_reason]).toEqual([
      { role: 'assistant', content: call.slice(0, options.num_predict) },
      'length',
    ]);
    const all = await transcript(await post({ tools: [weather], options }), chatLine);
    expect(all.map(({ message: part }) => part.content).join('')).toBe(message.content);
  });

  it('and its result are read back, with ids and without', async () => {
    await start({
      scripts: [['<tool_call>get_weather{"city": "Paris"}[tool]sunny[assistant]', 'It is sunny.']],
    });
    const called = { role: 'assistant', content: '', thinking: 'Hm.', tool_calls: [modelCall('Paris')] };
    for (const result of [
      { role: 'tool', content: 'sunny', tool_name: 'get_weather' },
      { role: 'tool', content: 'sunny', tool_call_id: 'call_0' },
      { role: 'tool', content: 'sunny' },
    ]) {
      const { message } = await ask({ tools: [weather], messages: [question, called, result] });
      expect(message.content).toBe('It is sunny.');
    }
  });
});

describe('a parameter', () => {
  it.each([
    [{ format: 'xml' }, '"format"'],
    [{ format: true }, '"format"'],
    [{ messages: [{ ...question, images: ['aGk='] }] }, 'images are not supported'],
    [{ options: { num_gpu: 20 } }, 'configuration of the server'],
    [{ options: { mirostat: 2 } }, 'mirostat is not supported'],
    [{ options: { nonsense: 1 } }, '"options.nonsense"'],
    [{ options: { num_ctx: 1_000_000 } }, 'context of 2048 tokens, not 1000000'],
    [{ options: { repeat_last_n: 64, repeat_penalty: 1.1 } }, 'repeat_last_n'],
    [{ keep_alive: 'soon' }, 'keep_alive must be a duration'],
    [{ messages: [{ role: 'narrator', content: 'x' }] }, 'role must be'],
    [{ logprobs: 3 }, '"logprobs"'],
    [{ top_logprobs: 3 }, '"top_logprobs"'],
    [{ logprobs: true, top_logprobs: 21 }, '"top_logprobs"'],
    [{ nonsense: 1 }, '"nonsense"'],
  ])('%j is refused by its name', async (body, message) => {
    await start({ text: 'Hi' });
    expect(await refusal(body)).toContain(message);
  });

  it('that asks for nothing is taken', async () => {
    await start({ text: 'Hi' });
    const options = {
      num_ctx: 2048,
      num_keep: 4,
      mirostat: 0,
      mirostat_tau: 5,
      mirostat_eta: 0.1,
      typical_p: 1,
      repeat_last_n: 64,
      repeat_penalty: 1,
      seed: null,
      num_gpu: null,
    };
    const messages = [{ ...question, images: [], tool_calls: null }];
    const body = {
      options,
      messages,
      format: '',
      logprobs: false,
      top_logprobs: 0,
      think: null,
      tools: [],
      keep_alive: '5m',
    };
    expect((await ask(body)).message.content).toBe('Hi');
  });
});
