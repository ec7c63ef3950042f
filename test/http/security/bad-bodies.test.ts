import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Random } from '../../../src/testing/random.js';
import { FakeServer } from '../fake-server.js';
import { answerProblem } from './answer-check.js';
import { BodyMutator } from './body-mutator.js';
import { seedModels, seedsOf, withoutSeeds } from './body-seeds.js';
import { routesOf, type ServerRoute } from './server-routes.js';

/** Bodies in all, over all endpoints. */
const bodies = 10_000;
/** At once. */
const lanes = 8;
/** What a body is made of depends on this and its number alone. */
const seed = 20_261_121;
/** The heap may grow by this after a fifth of the bodies: by much less than one KiB for each of the rest. */
const heapGrowth = 6 * 2 ** 20;

/** Endpoints that refuse whatever is sent, and so have no seeds. */
const refusing = ['/api/copy', '/api/create', '/api/pull', '/api/push'];

let server: FakeServer;
let collect: () => void;

beforeAll(async () => {
  setFlagsFromString('--expose-gc');
  collect = runInNewContext('gc') as () => void;
  server = await FakeServer.start(seedModels, { contextSize: 512 });
});
afterAll(async () => server.stop());

interface Sent {
  readonly number: number;
  readonly method: string;
  /** Of the endpoint. */
  readonly pattern: string;
  readonly path: string;
  /** Undefined of methods that have none. */
  readonly body: string | undefined;
}

/** What ids in paths are. */
const modelIds = ['fake', 'fake', 'other', 'nope', '%00', '..%2F..'];
/** `resp_latest` becomes that of the response that was made last. */
const responseIds = ['resp_latest', 'resp_latest', 'resp_0123', '%00', '..%2F..', `resp_${'x'.repeat(300)}`];

const queries = [
  '',
  '',
  '?limit=2&order=asc',
  '?limit=0',
  '?after=msg_x',
  '?order=up',
  '?stream=true',
  '?%00=1',
];

/** The request of this number. */
function requestOf(number: number, routes: readonly ServerRoute[]): Sent {
  const random = new Random(seed + number);
  const { method, pattern } = routes[number % routes.length] ?? { method: '', pattern: '' };
  const id = random.pick(pattern.includes('/responses/') ? responseIds : modelIds);
  const path = pattern.replace(/:\w+|\*/, id);
  if (method !== 'POST')
    return { number, method, pattern, path: path + random.pick(queries), body: undefined };
  const body = new BodyMutator(random).mutate(random.pick(seedsOf(pattern)));
  return { number, method, pattern, path, body };
}

let latest = 'resp_none';

/** `problem` is undefined when the answer is one that the documents allow. */
async function send({ method, path, body }: Sent): Promise<{ status: number; problem: string | undefined }> {
  const response = await fetch(server.url + path.replace('resp_latest', latest), {
    method,
    ...(body === undefined
      ? {}
      : { headers: { 'content-type': 'application/json' }, body: body.replace('resp_latest', latest) }),
  });
  const { status, headers } = response;
  const text = await response.text();
  latest = /"id":"(resp_[\da-f]+)"/.exec(text)?.[1] ?? latest;
  const type = headers.get('content-type') ?? '';
  return { status, problem: answerProblem(path, { status, type, text }) };
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
      const routes = routesOf(server.server).filter(
        ({ method, pattern }) => method === 'POST' || (method !== 'OPTIONS' && pattern.includes(':')),
      );
      expect(routes.length).toBeGreaterThanOrEqual(27);
      const posts = routes.filter(({ method }) => method === 'POST').map(({ pattern }) => pattern);
      expect(withoutSeeds(posts).toSorted()).toEqual(refusing);
      const problems: string[] = [];
      const statuses = new Map<number, number>();
      const answered = new Set<string>();
      server.server.server.on('request', (_, response) => {
        response.once('finish', () =>
          statuses.set(response.statusCode, (statuses.get(response.statusCode) ?? 0) + 1),
        );
      });
      let next = 0;
      const run = async (end: number): Promise<void> => {
        const lane = async (): Promise<void> => {
          while (next < end) {
            const sent = requestOf(next++, routes);
            const { status, problem } = await send(sent);
            if (status === 200) answered.add(`${sent.method} ${sent.pattern}`);
            if (problem !== undefined)
              problems.push(
                `${sent.number} ${sent.method} ${sent.path} ${sent.body?.slice(0, 500) ?? ''}: ${problem}`,
              );
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
      const never = routes
        .map(({ method, pattern }) => `${method} ${pattern}`)
        .filter((one) => !answered.has(one));
      expect(never.toSorted()).toEqual(
        ['POST /v1/responses/:id/cancel', ...refusing.map((path) => `POST ${path}`)].toSorted(),
      );
      expect(server.pool.pendingRequests).toBe(0);
      const after = await server.post('/v1/chat/completions', {
        model: 'fake',
        messages: [{ role: 'user', content: 'Hi' }],
        max_tokens: 2,
      });
      expect([after.status, await after.json()]).toMatchObject([200, { object: 'chat.completion' }]);
    },
  );
});
