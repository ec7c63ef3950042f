import { afterEach, describe, expect, it } from 'vitest';
import { HeddleError } from '../core/errors.js';
import {
  OpenAiStandIn,
  sendEvent,
  type AskedCompletion,
  type StandInOptions,
} from '../testing/openai-stand-in.js';
import { runBench } from './bench.js';
import type { BenchHooks } from './bench-run.js';
import type { BenchReport } from './report.js';
import { defaultBench, type BenchSettings, type Scale } from './settings.js';

const scale: Scale = {
  concurrency: 2,
  requests: 4,
  sessions: 3,
  turns: 3,
  promptTokens: 10,
  systemTokens: 30,
  longTokens: 100,
  outputTokens: 4,
  streamTokens: 20,
  kvTokens: 50,
};
const hooks: BenchHooks = { observer: { progress: () => undefined } };
const doNothing = async (): Promise<void> => Promise.resolve();
const servers: OpenAiStandIn[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop();
});

async function serve(options: StandInOptions = {}): Promise<OpenAiStandIn> {
  const server = await OpenAiStandIn.start(options);
  servers.push(server);
  return server;
}

const settingsFor = (workload: string, ...urls: string[]): BenchSettings => ({
  ...defaultBench,
  targets: urls.map((url) => ({ url })),
  workloads: [workload],
  rounds: 2,
  warmUp: 1,
  seed: 'seed',
  scale,
  timeout: 10_000,
  body: {},
});

async function measure(workload: string, options: StandInOptions = {}, more: Partial<BenchHooks> = {}) {
  const server = await serve(options);
  const report = await runBench(settingsFor(workload, server.url), { ...hooks, ...more });
  return { server, report, result: resultOf(report) };
}

function resultOf(report: BenchReport, server = 0) {
  const result = report.workloads[0]?.servers[server];
  if (result === undefined) throw new Error('nothing was measured');
  return result;
}

const textOf = ({ body }: AskedCompletion): string => body.messages.map(({ content }) => content).join(' ');
const wordsOf = (asked: AskedCompletion): number => textOf(asked).split(' ').length;

/** Remembers all prompts, as a perfect prefix cache does: tells how many leading words it has seen. */
function perfectCache(): (asked: AskedCompletion) => number {
  const seen: string[][] = [];
  return (asked) => {
    const words = textOf(asked).split(' ');
    const common = seen.map((other) => {
      const end = words.findIndex((word, index) => word !== other[index]);
      return end < 0 ? words.length : end;
    });
    seen.push(words);
    return Math.max(0, ...common);
  };
}

const findingOf = (result: ReturnType<typeof resultOf>, name: RegExp) =>
  result.findings.find((finding) => name.test(finding.name))?.value.median;

describe('steady', () => {
  it('sends all requests of every round, each with another prompt of the wanted size', async () => {
    const { server, result } = await measure('steady');
    expect(result.groups).toMatchObject([
      { group: 'requests', requests: 8, failures: [], completionTokens: 32 },
    ]);
    const measured = server.asked.slice(-8);
    expect(measured.map(wordsOf)).toEqual(Array.from({ length: 8 }, () => 10));
    expect(new Set(measured.map(textOf)).size).toBe(8);
  });

  it('has no more requests under way than it was told', async () => {
    let [open, most] = [0, 0];
    await measure('steady', {
      instead: (response) => {
        most = Math.max(most, ++open);
        response.once('close', () => open--);
        return false;
      },
    });
    expect(most).toBeLessThanOrEqual(scale.concurrency + 1); // a closed response is heard of late
  });
});

describe('agent', () => {
  it('grows histories turn by turn, under one system prompt a round', async () => {
    const { server, result } = await measure('agent');
    expect(result.groups.map(({ group, requests }) => [group, requests])).toEqual([
      ['turn 1', 6],
      ['turn 2', 6],
      ['turn 3', 6],
    ]);
    const turns = server.asked.slice(-9); // the second round
    expect(new Set(turns.map(({ body }) => body.messages[0]?.content)).size).toBe(1);
    const last = turns.at(-1)?.body.messages.map(({ role }) => role);
    expect(last).toEqual(['system', 'user', 'assistant', 'user', 'assistant', 'user']);
  });

  it.each([
    ['all that was seen from a perfect cache', perfectCache(), 1],
    ['nothing from a server without one', () => 0, 0],
  ])('finds %s', async (_, cached, share) => {
    const { result } = await measure('agent', { cached });
    expect(result.groups.map(({ cachedOfSeen }) => cachedOfSeen)).toEqual([undefined, share, share]);
  });

  it('ends a session that fails, and goes on with the others', async () => {
    const { result } = await measure('agent', {
      instead: (response, { number }) => {
        if (number !== 7) return false; // one of the first turns: calibration and warm-up come before
        response.writeHead(500).end('{}');
        return true;
      },
    });
    expect(result.groups.map(({ requests, failures }) => [requests, failures.length])).toEqual([
      [6, 1],
      [5, 0],
      [5, 0],
    ]);
  });
});

describe('fan-out', () => {
  it('knows a shared prompt that is computed once from one that each request computes', async () => {
    const once = await measure('fan-out', { cached: perfectCache() });
    expect(findingOf(once.result, /^shared prompt/)).toBeCloseTo(100);
    // One prompt of 132 words, and 32 words for each of the 7 others.
    expect(findingOf(once.result, /^prompt tokens computed/)).toBeCloseTo((132 + 7 * 32) / 132);
    const each = await measure('fan-out', { cached: () => 0 });
    expect(findingOf(each.result, /^shared prompt/)).toBe(0);
    expect(findingOf(each.result, /^prompt tokens computed/)).toBeCloseTo(8);
  });

  it('says nothing of it where the server tells nothing', async () => {
    expect((await measure('fan-out')).result.findings).toEqual([]);
  });
});

it('intruder meets streams that have begun, and tells their worst gap', async () => {
  const { server, result } = await measure('intruder');
  expect(result.groups.map(({ group }) => group)).toEqual([
    'long prompt alone',
    'streams',
    'long prompt among streams',
  ]);
  const long = server.asked.filter((asked) => wordsOf(asked) === scale.longTokens);
  expect(long).toHaveLength(4);
  expect(new Set(long.map(textOf)).size).toBe(4);
  expect(findingOf(result, /TTFT of the long prompt/)).toBeGreaterThan(0);
});

describe('overcommit', () => {
  it('asks three times for what the cache holds, and compares the texts', async () => {
    const { server, result } = await measure('overcommit');
    expect(result.groups.map(({ group, requests }) => [group, requests])).toEqual([
      ['at once', 6],
      ['one by one', 6],
    ]);
    const prompts = server.asked.slice(-3).map(wordsOf);
    expect(prompts.reduce((sum, words) => sum + words + scale.outputTokens, 0)).toBe(3 * scale.kvTokens);
    expect(findingOf(result, /^texts that agree/)).toBe(3);
  });

  it('sees texts that differ', async () => {
    const { result } = await measure('overcommit', {
      instead: (response, { number }) => {
        sendEvent(response, { choices: [{ delta: { content: `answer ${number}` } }] });
        response.end('data: [DONE]\n\n');
        return true;
      },
    });
    expect(findingOf(result, /^texts that agree/)).toBe(0);
  });
});

describe('cancel', () => {
  it('gives a long prompt up before its answer, and compares the next request with one alone', async () => {
    let givenUp = 0;
    const { result } = await measure('cancel', {
      instead: (response, asked) => {
        if (wordsOf(asked) !== scale.longTokens) return false;
        // A server that computes for a while: one that is given up notices that.
        const timer = setTimeout(() => {
          sendEvent(response, { choices: [{ delta: { content: 'late' } }] });
          response.end('data: [DONE]\n\n');
        }, 200);
        response.once('close', () => {
          clearTimeout(timer);
          if (!response.writableEnded) givenUp++;
        });
        return true;
      },
    });
    expect(result.groups.map(({ group, cancelled }) => [group, cancelled])).toEqual([
      ['long prompt, whole', 0],
      ['next request, idle', 0],
      ['long prompt, given up', 2],
      ['next request, after', 0],
    ]);
    expect(givenUp).toBe(2);
    expect(findingOf(result, /^given up too late/)).toBe(0);
    expect(findingOf(result, /^wait after a cancel/)).toBeDefined();
  });
});

describe('duo', () => {
  it('asks two models, each alone and both at once', async () => {
    const { server, result } = await measure('duo');
    expect(new Set(result.groups.map(({ group }) => group))).toEqual(
      new Set(['first model, alone', 'second model, alone', 'first model, beside', 'second model, beside']),
    );
    const models = server.asked.slice(-8).map(({ body }) => body.model);
    expect(models.slice(0, 4)).toEqual(['one', 'one', 'two', 'two']);
    expect(models.toSorted()).toEqual([...Array(4).fill('one'), ...Array(4).fill('two')]);
  });

  it('is refused where there is one model', async () => {
    await expect(measure('duo', { models: ['one'] })).rejects.toMatchObject({ param: 'second-model' });
  });
});

describe('restart', () => {
  it('sends the same prompts before and after, and tells what was kept', async () => {
    const urls: string[] = [];
    const restart = async (url: string): Promise<void> => {
      urls.push(url);
      return Promise.resolve();
    };
    const { server, result } = await measure('restart', { cached: perfectCache() }, { restart });
    expect(urls).toEqual([server.url, server.url]);
    expect(result.groups.map(({ group, requests, cachedOfSeen }) => [group, requests, cachedOfSeen])).toEqual(
      [
        ['before', 4, undefined],
        ['after', 4, 1],
      ],
    );
    expect(findingOf(result, /^texts that agree/)).toBe(2);
    expect(findingOf(result, /^TTFT after/)).toBeGreaterThan(0);
  });

  it('waits for a server that refuses at first', async () => {
    let refusals = 0;
    const { result } = await measure(
      'restart',
      {
        instead: (response) => {
          if (refusals === 0) return false;
          refusals--;
          response.writeHead(503).end('{"error":{"message":"Loading model","code":503}}');
          return true;
        },
      },
      {
        restart: async () => {
          refusals = 2;
          return Promise.resolve();
        },
      },
    );
    expect(result).toMatchObject({ problems: [], groups: [{ failures: [] }, { failures: [] }] });
  });

  it('keeps what was measured when the restart fails', async () => {
    const { result } = await measure(
      'restart',
      {},
      {
        restart: async () => Promise.reject(new HeddleError('bench_failed', 'It did not work.')),
      },
    );
    expect(result.problems).toEqual(['round 1: It did not work.', 'round 2: It did not work.']);
    expect(result.groups.map(({ group, requests }) => [group, requests])).toEqual([['before', 4]]);
  });

  it('is refused when nobody can restart the server', async () => {
    await expect(measure('restart')).rejects.toMatchObject({
      code: 'invalid_parameter',
      param: 'restart-command',
    });
  });
});

describe('two servers', () => {
  it('are asked the same in turn, the other one first in every second round', async () => {
    const order: string[] = [];
    const note = (name: string): StandInOptions => ({ instead: () => (order.push(name), false) });
    const [a, b] = [await serve(note('a')), await serve(note('b'))];
    const report = await runBench(settingsFor('steady', a.url, b.url), hooks);
    expect(order.slice(-16).join('')).toBe('aaaabbbbbbbbaaaa');
    expect(a.asked.slice(-8).map(textOf)).toEqual(b.asked.slice(-8).map(textOf));
    expect(report.workloads[0]?.comparison).toMatchObject([{ group: 'requests' }]);
    expect(report.servers.map(({ url }) => url)).toEqual([a.url, b.url]);
  });

  it('one of which dies in the middle: its requests fail, the other is measured', async () => {
    const [a, b] = [await serve(), await serve()];
    let progress = 0;
    let stopped: Promise<void> | undefined;
    const report = await runBench(settingsFor('steady', a.url, b.url), {
      observer: {
        progress: (part) => {
          progress = part;
          if (part >= 0.5) stopped ??= b.stop();
        },
      },
    });
    await stopped;
    servers.pop();
    expect(resultOf(report).groups).toMatchObject([{ requests: 8, failures: [] }]);
    const [failed] = resultOf(report, 1).groups;
    expect(failed?.requests).toBe(8);
    expect(failed?.failures.reduce((sum, { count }) => sum + count, 0)).toBeGreaterThanOrEqual(4);
    expect(progress).toBe(1);
  });
});

describe('an interruption', () => {
  it.each(['steady', 'agent', 'intruder', 'fan-out', 'overcommit', 'cancel', 'duo', 'restart'])(
    'ends %s at once, hanging requests included, and leaves what was measured',
    async (workload) => {
      const interruption = new AbortController();
      const { report } = await measure(
        workload,
        {
          instead: (response, { number }) => {
            if (number < 8) return false;
            // All later ones hang, and the first of them makes somebody impatient.
            sendEvent(response, { choices: [{ delta: { content: 'word' } }] });
            interruption.abort();
            return true;
          },
        },
        { signal: interruption.signal, restart: doNothing },
      );
      expect(report.interrupted).toBe(true);
      const { groups, findings } = resultOf(report);
      const ended = groups.reduce((sum, { requests }) => sum + requests, 0);
      expect(ended).toBeLessThan(4);
      expect(groups.every(({ failures }) => failures.length === 0)).toBe(true);
      expect(findings).toEqual([]);
    },
  );

  it('before anything is measured is an error', async () => {
    const interruption = new AbortController();
    const hang = { instead: () => (interruption.abort(), true) };
    await expect(measure('steady', hang, { signal: interruption.signal })).rejects.toMatchObject({
      code: 'bench_failed',
    });
  });
});
