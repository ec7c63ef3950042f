import { atOnce, user, type Workload } from '../workload.js';

/** Unrelated requests, always the same number under way: throughput, and latency under load. */
export const steady: Workload = {
  name: 'steady',
  description: 'unrelated requests, always the same number under way',
  notMeasured: [
    'arrivals that do not wait for answers: a slow server is asked less, so its queue never grows (closed loop)',
  ],
  requests: ({ requests }) => requests,
  async run({ scale, prompts, start }) {
    const jobs = Array.from({ length: scale.requests }, (_, index) => async () => {
      const messages = [user(prompts.text(`request ${index}`, scale.promptTokens))];
      return start({ group: 'requests', messages, maxTokens: scale.outputTokens }).record;
    });
    await atOnce(scale.concurrency, jobs);
  },
};
