import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { events, FakeServer } from './fake-server.js';

let server: FakeServer;

beforeAll(async () => {
  server = await FakeServer.start({ fake: 'fake:' });
});

afterAll(async () => server.stop());

const nothing = { text: '', reason: '' };

const chat = { model: 'fake', messages: [{ role: 'user', content: 'Hi' }], max_tokens: 300 };
const text = { model: 'fake', prompt: 'Hi', max_tokens: 300 };
const schema = {
  type: 'object',
  properties: {
    name: { type: 'string', maxLength: 5 },
    tags: { type: 'array', items: { enum: ['a', 'b'] }, maxItems: 2 },
  },
  required: ['name', 'tags'],
  additionalProperties: false,
};
const format = (of: unknown, more: object = {}) => ({
  response_format: { type: 'json_schema', json_schema: { name: 'answer', schema: of, ...more } },
});

interface Whole {
  choices: { finish_reason: string; text?: string; message?: { content: string } }[];
}

async function answer(path: string, body: object): Promise<{ text: string; reason: string }[]> {
  const response = await server.post(path, body);
  const whole = (await response.json()) as Whole;
  expect([JSON.stringify(whole), response.status]).toEqual([JSON.stringify(whole), 200]);
  return whole.choices.map((choice) => ({
    text: choice.message?.content ?? choice.text ?? '',
    reason: choice.finish_reason,
  }));
}

describe('structured output', () => {
  it.each([true, false, null])('is enforced with strict: %s', async (strict) => {
    const [{ text: content, reason } = nothing] = await answer('/v1/chat/completions', {
      ...chat,
      ...format(schema, { strict }),
    });
    expect(reason).toBe('stop');
    const value = JSON.parse(content) as { name: string; tags: string[] };
    expect(Object.keys(value)).toEqual(['name', 'tags']);
    expect(Array.from(value.name).length).toBeLessThanOrEqual(5);
  });

  it('is streamed as it is made', async () => {
    const response = await server.post('/v1/chat/completions', { ...chat, ...format(schema), stream: true });
    const deltas: string[] = [];
    let reason: string | null = null;
    for await (const event of events(response)) {
      if (event === '[DONE]') break;
      const [choice] = (
        JSON.parse(event) as { choices: { delta: { content?: string }; finish_reason: string | null }[] }
      ).choices;
      deltas.push(choice?.delta.content ?? '');
      reason ??= choice?.finish_reason ?? null;
    }
    expect(reason).toBe('stop');
    expect(deltas.filter((delta) => delta !== '').length).toBeGreaterThan(10);
    expect(JSON.parse(deltas.join(''))).toHaveProperty('tags');
  });

  it('that is cut short says so', async () => {
    const [{ text: content, reason } = nothing] = await answer('/v1/chat/completions', {
      ...chat,
      ...format(schema),
      max_tokens: 4,
    });
    expect(reason).toBe('length');
    expect(content).toMatch(/^\{\s*"/);
  });

  it('can be any JSON object', async () => {
    const [{ text: content } = nothing] = await answer('/v1/chat/completions', {
      ...chat,
      response_format: { type: 'json_object' },
    });
    expect(content[0]).toBe('{');
    const [without = { text: '' }] = await answer('/v1/chat/completions', {
      ...chat,
      response_format: { type: 'json_schema', json_schema: { name: 'any' } },
    });
    expect(without.text[0]).toBe('{');
  });

  it.each([
    ['guided_regex', { guided_regex: '(ja|nein), [0-9]{4}' }, /^(ja|nein), [0-9]{4}$/],
    ['guided_choice', { guided_choice: ['red "1"', 'grün'] }, /^(red "1"|grün)$/],
    ['guided_grammar', { guided_grammar: 'root ::= "x"{3} [0-9]' }, /^xxx\d$/],
    ['grammar', { grammar: 'root ::= [ab]{3}' }, /^[ab]{3}$/],
    ['guided_json', { guided_json: { const: [1, 'two'] } }, /^\[1,"two"\]$/],
    ['guided_json as a text', { guided_json: '{"type":"boolean"}' }, /^(true|false)$/],
    ['structured_outputs', { structured_outputs: { regex: 'a|b' } }, /^[ab]$/],
    [
      'structured_outputs.choice',
      { structured_outputs: { choice: ['one', 'two'], json: null } },
      /^(one|two)$/,
    ],
    ['response_format', format({ type: 'null' }), /^null$/],
  ])(
    'can be asked for by %s, of chat and of plain completions, with several choices',
    async (_, fields, expected) => {
      for (const [path, body] of [
        ['/v1/chat/completions', chat],
        ['/v1/completions', text],
      ] as const) {
        const choices = await answer(path, { ...body, ...fields, n: 2, temperature: 1.5 });
        expect(choices).toHaveLength(2);
        for (const choice of choices)
          expect(choice).toEqual({ text: expect.stringMatching(expected) as string, reason: 'stop' });
      }
    },
  );

  it('asks for nothing where it asks for text', async () => {
    const [plain] = await answer('/v1/chat/completions', { ...chat, temperature: 0, max_tokens: 9 });
    const [asText] = await answer('/v1/chat/completions', {
      ...chat,
      temperature: 0,
      max_tokens: 9,
      response_format: { type: 'text' },
      guided_json: null,
    });
    expect(asText).toEqual(plain);
  });

  it.each([
    [
      'a keyword',
      format({ ...schema, properties: { n: { type: 'number', multipleOf: 3 } } }),
      'unsupported_schema',
      'response_format.json_schema.schema.properties.n.multipleOf',
    ],
    [
      'a wrong schema',
      format({ type: 'thing' }),
      'invalid_parameter',
      'response_format.json_schema.schema.type',
    ],
    ['a schema that is none', format('x'), 'invalid_parameter', 'response_format.json_schema.schema'],
    [
      'a schema that nothing satisfies',
      format(false),
      'invalid_parameter',
      'response_format.json_schema.schema',
    ],
    ['a type of format', { response_format: { type: 'xml' } }, 'invalid_parameter', 'response_format.type'],
    [
      'an unknown field',
      format(schema, { flavour: 1 }),
      'unsupported_parameter',
      'response_format.json_schema.flavour',
    ],
    [
      'no schema at all',
      { response_format: { type: 'json_schema' } },
      'invalid_parameter',
      'response_format.json_schema',
    ],
    [
      'a definition',
      { guided_json: { $ref: '#/$defs/a', $defs: { a: { not: {} } } } },
      'unsupported_schema',
      'guided_json.$defs.a.not',
    ],
    ['text that is no JSON', { guided_json: '{' }, 'invalid_parameter', 'guided_json'],
    ['a regular expression', { guided_regex: 'a(?<=b)' }, 'invalid_parameter', 'guided_regex'],
    ['a grammar', { grammar: 'root ::= root' }, 'invalid_parameter', 'grammar'],
    ['a token that is none', { grammar: 'root ::= <no-such-token>' }, 'invalid_parameter', 'grammar'],
    ['two wishes at once', { guided_regex: 'a', guided_choice: ['b'] }, 'invalid_parameter', 'guided_choice'],
    ['an empty choice', { guided_choice: [''] }, 'invalid_parameter', 'guided_choice[0]'],
    [
      "a schema in vLLM's place",
      { structured_outputs: { json: { type: 'string', format: 'iri' } } },
      'unsupported_schema',
      'structured_outputs.json.format',
    ],
  ])('refuses %s, with its path', async (_, fields, code, param) => {
    const response = await server.post('/v1/chat/completions', { ...chat, ...fields });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { code, param, type: 'invalid_request_error' } });
  });

  it('refuses what is nested very deeply', async () => {
    const deep = `${'{"items":'.repeat(20_000)}{}${'}'.repeat(20_000)}`;
    for (const field of [`"guided_json":${deep}`, `"structured_outputs":{"json":${deep}}`]) {
      const response = await server.post('/v1/completions', `{"model":"fake","prompt":"Hi",${field}}`);
      expect(response.status).toBe(400);
      expect(await response.json()).toMatchObject({ error: { code: 'invalid_parameter' } });
    }
  });
});
