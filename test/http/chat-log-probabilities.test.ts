import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { events, FakeServer } from './fake-server.js';

const template =
  "{%- for message in messages %}<|im_start|>{{ message.content }}{% endfor %}{{ '<think></think>' if false }}";
const script = '<think>It is a question, ä.</think>The answer is 7 €.';

let server: FakeServer;

beforeAll(async () => {
  const said = encodeURIComponent(script);
  server = await FakeServer.start({
    thinking: `fake:?scriptedText=${said}&chatTemplate=${encodeURIComponent(template)}`,
    fake: 'fake:?endAfter=30',
  });
});

afterAll(async () => server.stop());

const logprobs = z
  .object({ content: z.array(z.object({ bytes: z.array(z.int()).nullable(), logprob: z.number() })) })
  .nullable();

const chunkSchema = z.object({
  choices: z.array(
    z.object({
      delta: z.object({ content: z.string().optional(), reasoning_content: z.string().optional() }),
      finish_reason: z.string().nullable(),
      logprobs,
    }),
  ),
});

const wholeSchema = z.object({
  choices: z.array(
    z.object({
      message: z.object({ content: z.string(), reasoning_content: z.string().optional() }),
      logprobs,
    }),
  ),
});

const messages = [{ role: 'user', content: 'Hi' }];

describe('log-probabilities of a chat', () => {
  it('are those of all that was generated, reasoning and its marks included, streamed and whole', async () => {
    const body = { model: 'thinking', messages, logprobs: true };
    const whole = wholeSchema.parse(await (await server.post('/v1/chat/completions', body)).json())
      .choices[0];
    expect(whole?.message).toEqual({
      content: 'The answer is 7 €.',
      reasoning_content: 'It is a question, ä.',
    });
    const all = whole?.logprobs?.content ?? [];
    expect(Buffer.from(all.flatMap(({ bytes }) => bytes ?? [])).toString()).toBe(script);

    const response = await server.post('/v1/chat/completions', { ...body, stream: true });
    const streamed: unknown[] = [];
    let text = '';
    let told = Buffer.alloc(0);
    for await (const event of events(response)) {
      if (event === '[DONE]') break;
      const [choice] = chunkSchema.parse(JSON.parse(event)).choices;
      streamed.push(...(choice?.logprobs?.content ?? []));
      text += (choice?.delta.reasoning_content ?? '') + (choice?.delta.content ?? '');
      const bytes = (choice?.logprobs?.content ?? []).flatMap((token) => token.bytes ?? []);
      told = Buffer.concat([told, Buffer.from(bytes)]);
      // What is told of tokens is never behind the text that is told.
      expect(
        told
          .toString()
          .replaceAll(/<\/?think>/g, '')
          .startsWith(text),
      ).toBe(true);
    }
    expect(streamed).toEqual(all);
  });

  it('are of the model itself, and the same with another temperature', async () => {
    const ask = async (sampling: object): Promise<unknown> => {
      const body = { model: 'fake', messages, logprobs: true, top_logprobs: 5, max_tokens: 1, ...sampling };
      const answer: unknown = await (await server.post('/v1/chat/completions', body)).json();
      const top = z
        .object({
          choices: z.array(
            z.object({
              logprobs: z.object({ content: z.array(z.object({ top_logprobs: z.array(z.unknown()) })) }),
            }),
          ),
        })
        .parse(answer);
      return top.choices[0]?.logprobs.content[0]?.top_logprobs;
    };
    const plain = await ask({ temperature: 0 });
    expect(plain).toHaveLength(5);
    expect(await ask({ temperature: 2, top_k: 0, top_p: 1, min_p: 0, seed: 4 })).toEqual(plain);
    expect(await ask({ temperature: 0, logit_bias: { '97': 100 } })).toEqual(plain);
  });

  it('are not told unless they are asked for', async () => {
    for (const more of [{}, { logprobs: false }, { logprobs: null }]) {
      const body = { model: 'fake', messages, max_tokens: 2, ...more };
      const answer = await (await server.post('/v1/chat/completions', body)).json();
      expect(wholeSchema.parse(answer).choices[0]?.logprobs).toBeNull();
    }
  });
});
