import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { schemaCorpus } from '../../src/testing/schema-corpus.js';
import { events, FakeServer } from './fake-server.js';

/*
 * A model that says anything at all reasons first, in the way of its family, until its budget ends that; and then its
 * content is of the form that was asked for.
 */

const says = "{%- for m in messages %}{{ '[' + m.role + ']' + m.content }}{%- endfor %}{{ '[assistant]' }}";

/** As the chat templates of the families mark reasoning and calls. */
const families = {
  qwen3: `${says}{#- <think> </think> <tool_call> #}`,
  deepseek: `${says}{{ '<think>\\n' }}{#- <｜tool▁calls▁begin｜><｜tool▁call▁begin｜> </think> #}`,
  harmony: `${says}{#- <|channel|>analysis<|message|> #}{{ '<|start|>assistant' }}`,
  gemma: `${says}{#- <|tool_call>call: <|channel>thought <channel|> #}`,
  mistral: `${says}{#- [TOOL_CALLS] [THINK] [/THINK] #}`,
  plain: says,
} as const;

type Family = keyof typeof families;
const reasoning = (Object.keys(families) as Family[]).filter((family) => family !== 'plain');

/** What a model of the family writes when it reasons first. */
const openings: Readonly<Record<Family, string>> = {
  qwen3: '<think>\n',
  deepseek: '',
  harmony: '<|channel|>analysis<|message|>',
  gemma: '<|channel>thought\n',
  mistral: '[THINK]',
  plain: '',
};

const ajv = addFormats.default(new Ajv2020({ strict: false, allErrors: true }));

let server: FakeServer;

beforeAll(async () => {
  const models = Object.entries(families).flatMap(([family, chatTemplate]) => {
    const random = new URLSearchParams({ chatTemplate });
    const opening = openings[family as Family];
    const endless = new URLSearchParams({ chatTemplate, scriptedText: `${opening}${'Hm. '.repeat(200)}` });
    return [
      [family, `fake:?${random.toString()}`],
      [`${family}-endless`, `fake:?${endless.toString()}`],
    ];
  });
  const vectors = 'fake:?kind=embedding';
  server = await FakeServer.start(
    Object.fromEntries([...models, ['vectors', vectors]]) as Record<string, string>,
  );
});

afterAll(async () => server.stop());

const message = z.object({
  content: z.string(),
  reasoning_content: z.string().optional(),
});
const token = z.object({ bytes: z.array(z.int()).nullable() });
const answerSchema = z.object({
  choices: z.array(
    z.object({
      message,
      finish_reason: z.string(),
      logprobs: z.object({ content: z.array(token) }).nullable(),
    }),
  ),
  usage: z.object({ completion_tokens_details: z.object({ reasoning_tokens: z.int() }) }),
});
const chunkSchema = z.object({
  choices: z.array(
    z.object({
      delta: z.object({ content: z.string().optional(), reasoning_content: z.string().optional() }),
      finish_reason: z.string().nullable(),
    }),
  ),
});

const messages = [{ role: 'user', content: 'Hi' }];
const small = {
  type: 'object',
  properties: { name: { type: 'string', maxLength: 5 }, ok: { type: 'boolean' } },
  required: ['name', 'ok'],
  additionalProperties: false,
};
const format = (schema: unknown) => ({
  response_format: { type: 'json_schema', json_schema: { name: 'answer', schema } },
});

async function ask(body: object): Promise<z.infer<typeof answerSchema>> {
  const response = await server.post('/v1/chat/completions', { messages, max_tokens: 400, ...body });
  const answer: unknown = await response.json();
  expect([response.status, answer]).toEqual([200, answer]);
  return answerSchema.parse(answer);
}

/** Text that is of the schema, whatever comes before it. */
function expectValid(text: string, schema: unknown): void {
  const validate = ajv.compile(schema as object);
  expect([text, validate(JSON.parse(text)), ajv.errorsText(validate.errors)]).toEqual([
    text,
    true,
    'No errors',
  ]);
}

describe.each(Object.keys(families) as Family[])('a model with the template of %s', (family) => {
  const budget = family === 'plain' ? {} : { thinking_budget: 12 };

  it('says what is valid, whatever the schema, when nothing cuts it off', { timeout: 60_000 }, async () => {
    let [ended, reasoned] = [0, 0];
    for (const [index, { name, schema }] of schemaCorpus.entries()) {
      const { choices } = await ask({
        model: family,
        n: 2,
        seed: index,
        temperature: 1,
        ...budget,
        ...format(schema),
      });
      expect([name, choices.length]).toEqual([name, 2]);
      for (const { message: said, finish_reason: reason } of choices) {
        if (said.reasoning_content !== undefined) reasoned++;
        if (reason !== 'stop') continue;
        expectValid(said.content, schema);
        ended++;
      }
    }
    expect(ended).toBeGreaterThan(schemaCorpus.length);
    expect(reasoned > 0).toBe(family !== 'plain');
  });
});

describe.each(reasoning)('a model with the template of %s that would reason for ever', (family) => {
  const model = `${family}-endless`;

  it('is brought to its answer by its budget, which has the form', async () => {
    for (const tokens of [0, 3, 30]) {
      const { choices, usage } = await ask({
        model,
        thinking_budget: tokens,
        ...format(small),
      });
      const [choice] = choices;
      expect([family, tokens, choice?.finish_reason]).toEqual([family, tokens, 'stop']);
      expectValid(choice?.message.content ?? '', small);
      expect('Hm. '.repeat(200)).toContain(choice?.message.reasoning_content ?? '');
      expect(choice?.message.reasoning_content === undefined).toBe(tokens === 0);
      expect(usage.completion_tokens_details.reasoning_tokens).toBeGreaterThan(tokens);
    }
  });

  it('streams the same as it answers, with several choices', async () => {
    const body = { model, thinking_budget: 10, n: 2, seed: 4, temperature: 1, ...format(small) };
    const { choices } = await ask(body);
    const told = choices.map(() => ({ content: '', reasoning: '', reason: '' }));
    const response = await server.post('/v1/chat/completions', { messages, ...body, stream: true });
    for await (const event of events(response)) {
      if (event === '[DONE]') break;
      const raw = JSON.parse(event) as { choices: { index: number }[] };
      for (const [index, { delta, finish_reason: reason }] of chunkSchema.parse(raw).choices.entries()) {
        const choice = told[raw.choices[index]?.index ?? NaN];
        if (choice === undefined) throw new Error('there is no such choice');
        choice.content += delta.content ?? '';
        choice.reasoning += delta.reasoning_content ?? '';
        choice.reason ||= reason ?? '';
      }
    }
    expect(told).toEqual(
      choices.map((choice) => ({
        content: choice.message.content,
        reasoning: choice.message.reasoning_content,
        reason: choice.finish_reason,
      })),
    );
    for (const { content } of told) expectValid(content, small);
  });

  it('has its reasoning before the form in the content, where it is not told apart', async () => {
    const { choices } = await ask({
      model,
      thinking_budget: 8,
      reasoning_format: 'none',
      ...format({ const: 'here' }),
    });
    const content = choices[0]?.message.content ?? '';
    expect(choices[0]?.message.reasoning_content).toBeUndefined();
    expect(content).toContain('Hm.');
    expect(content.endsWith('"here"')).toBe(true);
  });

  it('is cut off in its reasoning by length', async () => {
    const { choices } = await ask({ model, max_tokens: 60, ...format(small) });
    expect(choices).toMatchObject([{ finish_reason: 'length', message: { content: '' } }]);
    expect(choices[0]?.message.reasoning_content).toContain('Hm.');
  });
});

describe('a form', () => {
  const body = { model: 'qwen3-endless', thinking_budget: 6, ...format(small) };

  it('goes with log-probabilities, of reasoning and content', async () => {
    const { choices } = await ask({ ...body, logprobs: true, top_logprobs: 1 });
    const bytes = choices[0]?.logprobs?.content.flatMap((one) => one.bytes ?? []) ?? [];
    expect(Buffer.from(bytes).toString()).toMatch(/^<think>\n[Hm. ]+\n<\/think>\n\n\s*\{[^]*\}$/);
  });

  it('does not keep a stop text from ending it', async () => {
    const { choices } = await ask({ ...body, stop: ['"name"'] });
    expect(choices[0]?.finish_reason).toBe('stop');
    expect(choices[0]?.message.content).toMatch(/^\{\s*$/);
  });

  it('is not for models that say nothing', async () => {
    const response = await server.post('/v1/chat/completions', {
      model: 'vectors',
      messages,
      ...format(small),
    });
    expect([response.status, await response.json()]).toMatchObject([
      400,
      { error: { code: 'unsupported_by_model' } },
    ]);
  });

  it('that is a grammar of the client is that of the content too', async () => {
    const { choices } = await ask({
      model: 'harmony-endless',
      thinking_budget: 6,
      grammar: 'root ::= "yes" | "no"',
    });
    expect(choices[0]?.message.reasoning_content).toContain('Hm.');
    expect(choices[0]?.message.content).toMatch(/^(yes|no)$/);
  });
});
