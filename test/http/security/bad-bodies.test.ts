import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { errorCatalogue, type ErrorCode } from '../../../src/core/errors.js';
import { Random } from '../../../src/testing/random.js';
import { FakeServer } from '../fake-server.js';
import { BodyMutator } from './body-mutator.js';
import { routesOf } from './server-routes.js';

/** Bodies in all, over all endpoints. */
const bodies = 10_000;
/** At once. */
const lanes = 8;
/** What a body is made of depends on this and its number alone. */
const seed = 20_261_121;
/** The heap may grow by this after a fifth of the bodies: by much less than one KiB for each of the rest. */
const heapGrowth = 6 * 2 ** 20;

/** Codes of 5xx that bad input may meet, since others unload and load the models meanwhile. */
const possible: readonly ErrorCode[] = [
  'model_unloading',
  'load_cancelled',
  'engine_closed',
  'insufficient_memory',
  'memory_pressure',
  'queue_full',
];

const chat = {
  model: 'fake',
  messages: [
    { role: 'system', content: 'You are terse.' },
    { role: 'user', content: [{ type: 'text', text: 'Hi' }] },
    { role: 'assistant', content: null, tool_calls: [] },
    { role: 'tool', tool_call_id: 'a', content: '5' },
  ],
};
const sampling = {
  temperature: 0.5,
  top_p: 0.9,
  seed: 7,
  stop: ['~~', 'END'],
  logit_bias: { 65: -3 },
  max_tokens: 3,
  n: 2,
  stream: true,
  stream_options: { include_usage: true },
  user: 'ann',
  priority: 'high',
  cache_salt: 'salt',
};

/** What an endpoint would take, by the end of its path. */
const seeds: readonly [RegExp, unknown[]][] = [
  [/chat\/completions$/, [chat, { ...chat, ...sampling }, { ...chat, ...sampling, stream: false }]],
  [
    /\/completions$/,
    [
      { model: 'fake', prompt: 'Hi', max_tokens: 3 },
      { model: 'fake', prompt: ['a', 'b'], ...sampling },
      { model: 'fake', prompt: [1, 2, 3], max_tokens: 2, stream: true },
    ],
  ],
  [/cache\/probe$/, [{ model: 'fake', prompt: 'Hi', against: { messages: chat.messages } }]],
  [/cache\/(?:clear|verify)$/, [{}, { model: 'fake' }]],
  [/\/(?:load|unload)$/, [{}, { grace: 0 }]],
];

/** For endpoints that are not named above: what most of them take. */
const anySeeds = [
  { ...chat, ...sampling, prompt: 'Hi', input: ['Hi'], query: 'Hi', documents: ['a', 'b'], max_tokens: 3 },
  { model: 'fake', input: 'Hi', prompt: 'Hi', max_tokens: 3 },
];

let server: FakeServer;
let collect: () => void;

beforeAll(async () => {
  setFlagsFromString('--expose-gc');
  collect = runInNewContext('gc') as () => void;
  server = await FakeServer.start(
    { fake: 'fake:?endAfter=3', other: 'fake:?endAfter=1' },
    { contextSize: 512 },
  );
});
afterAll(async () => server.stop());

interface Sent {
  readonly number: number;
  readonly path: string;
  readonly body: string;
}

/** The body of this number. */
function bodyOf(number: number, patterns: readonly string[]): Sent {
  const random = new Random(seed + number);
  const pattern = patterns[number % patterns.length] ?? '';
  const own = seeds.find(([end]) => end.test(pattern))?.[1] ?? anySeeds;
  const id = random.pick(['fake', 'fake', 'other', 'nope', '%00', '..%2F..']);
  const body = new BodyMutator(random).mutate(random.pick(own));
  return { number, path: pattern.replace(/:\w+/, id), body };
}

/** Undefined when the answer is one that the documents allow. */
async function problemOf({ path, body }: Sent): Promise<string | undefined> {
  const response = await server.post(path, body);
  const text = await response.text();
  const { status } = response;
  const ends = text.endsWith('data: [DONE]\n\n');
  if (status === 200) return ends || !text.startsWith('data:') ? undefined : lastEventProblem(text);
  const { error } = JSON.parse(text) as { error?: { code?: ErrorCode; message?: string } | string };
  if (path.startsWith('/api/') || path.startsWith('/v1/messages')) return status < 500 ? undefined : text;
  const code = typeof error === 'object' ? error.code : undefined;
  if (code === undefined || errorCatalogue[code].status !== status) return `${status} ${text}`;
  return status < 500 || possible.includes(code) ? undefined : text;
}

/** A stream that does not end as it should must say why. */
function lastEventProblem(text: string): string | undefined {
  const last = text.trimEnd().split('\n\n').at(-1) ?? '';
  const { error } = JSON.parse(last.replace(/^data: /, '')) as { error?: { code: ErrorCode } };
  return error !== undefined && possible.includes(error.code) ? undefined : last;
}

function heapNow(): number {
  for (let times = 0; times < 3; times++) collect();
  return process.memoryUsage().heapUsed;
}

describe(`bad bodies, made from the seed ${seed}`, () => {
  it(
    'are answered by every endpoint as the documents say, and leave nothing behind',
    { timeout: 120_000 },
    async () => {
      const patterns = routesOf(server.server)
        .filter(({ method }) => method === 'POST')
        .map(({ pattern }) => pattern);
      expect(patterns.length).toBeGreaterThanOrEqual(7);
      const problems: string[] = [];
      const statuses = new Map<number, number>();
      server.server.server.on('request', (_, response) => {
        response.once('finish', () =>
          statuses.set(response.statusCode, (statuses.get(response.statusCode) ?? 0) + 1),
        );
      });
      let next = 0;
      const run = async (end: number): Promise<void> => {
        const lane = async (): Promise<void> => {
          while (next < end) {
            const sent = bodyOf(next++, patterns);
            const problem = await problemOf(sent);
            if (problem !== undefined)
              problems.push(`${sent.number} ${sent.path} ${sent.body.slice(0, 500)}: ${problem}`);
          }
        };
        await Promise.all(Array.from({ length: lanes }, lane));
      };
      await run(bodies / 5);
      const before = heapNow();
      await run(bodies);
      const growth = heapNow() - before;
      expect(problems).toEqual([]);
      expect(growth).toBeLessThan(heapGrowth);
      expect([...statuses.values()].reduce((sum, count) => sum + count, 0)).toBe(bodies);
      // Neither did all of them fail for one reason, nor did the mutations leave the bodies as they were.
      for (const status of [200, 400, 404]) expect(statuses.get(status)).toBeGreaterThan(bodies / 100);
      expect(server.pool.pendingRequests).toBe(0);
      const after = await server.post('/v1/chat/completions', { ...chat, max_tokens: 2 });
      expect([after.status, await after.json()]).toMatchObject([200, { object: 'chat.completion' }]);
    },
  );
});
