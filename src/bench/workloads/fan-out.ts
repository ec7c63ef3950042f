import { tellsCached, user, type Workload } from '../workload.js';

const requests = 8;
const tailTokens = 32;

/** Eight requests at once with one long beginning that no server has seen: it should be computed once. */
export const fanOut: Workload = {
  name: 'fan-out',
  description: `${requests} requests at once with one long system prompt`,
  notMeasured: [
    'which of the requests computed the shared prompt',
    'the exact number of shared tokens: it is taken for the prompt without what the words after it take on average',
  ],
  requests: () => requests,
  async run({ scale, prompts, start, find }) {
    const system = { role: 'system', content: prompts.text('shared', scale.longTokens) } as const;
    const tails = Array.from({ length: requests }, (_, index) => prompts.text(`tail ${index}`, tailTokens));
    const running = tails.map((tail) =>
      start({ group: 'requests', messages: [system, user(tail)], maxTokens: scale.outputTokens }),
    );
    const records = await Promise.all(running.map(async ({ record }) => record));
    if (!tellsCached(records) || records.some(({ failure }) => failure !== undefined)) return;
    const counts = records.map(({ promptTokens = 0, cachedTokens = 0 }, index) => {
      const shared = Math.max(0, promptTokens - prompts.tokensOf(tails[index] ?? ''));
      return { prompt: promptTokens, cached: cachedTokens, shared, reused: Math.min(cachedTokens, shared) };
    });
    const sum = (of: keyof (typeof counts)[number]): number =>
      counts.reduce((total, count) => total + count[of], 0);
    if (sum('prompt') === 0) return; // it tells what was cached, but not of how many
    // All but one can find the shared prompt.
    const findable = (sum('shared') * (requests - 1)) / requests;
    find({
      name: `shared prompt from the cache, of the ${requests - 1} times it could be`,
      value: (100 * sum('reused')) / findable,
      unit: '%',
    });
    find({
      name: "prompt tokens computed, of one request's prompt",
      value: ((sum('prompt') - sum('cached')) / sum('prompt')) * requests,
      unit: 'times',
    });
  },
};
