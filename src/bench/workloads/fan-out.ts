import { user, type Workload } from '../workload.js';

const requests = 8;
const tailTokens = 32;

/** Eight requests at once with one long beginning that no server has seen: it should be computed once. */
export const fanOut: Workload = {
  name: 'fan-out',
  description: `${requests} requests at once with one long system prompt`,
  notMeasured: ['which of the requests computed the shared prompt'],
  requests: () => requests,
  async run({ scale, prompts, start, find }) {
    const system = { role: 'system', content: prompts.text('shared', scale.longTokens) } as const;
    const running = Array.from({ length: requests }, (_, index) =>
      start({
        group: 'requests',
        messages: [system, user(prompts.text(`tail ${index}`, tailTokens))],
        maxTokens: scale.outputTokens,
      }),
    );
    const records = await Promise.all(running.map(async ({ record }) => record));
    const told = records.filter(
      ({ cachedTokens, failure }) => cachedTokens !== undefined && failure === undefined,
    );
    if (told.length < records.length) return;
    const sum = (of: (record: (typeof records)[number]) => number) =>
      records.reduce((total, record) => total + of(record), 0);
    const computed = sum(({ promptTokens = 0, cachedTokens = 0 }) => promptTokens - cachedTokens);
    find({
      name: "prompt tokens computed, of one request's prompt",
      value: computed / (sum(({ promptTokens = 0 }) => promptTokens) / requests),
      unit: 'times',
    });
  },
};
