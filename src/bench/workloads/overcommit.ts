import { atOnce, user, type Workload } from '../workload.js';

const times = 3;

/** Conversations at once that take three times the KV cache, then each by itself: none may be lost, and texts agree. */
export const overcommit: Workload = {
  name: 'overcommit',
  description: `conversations at once with ${times} times the tokens of the KV cache, then one by one`,
  notMeasured: [
    'whether the KV cache has the size that --kv-tokens says',
    'why texts differ: sums in batches of another shape are rounded otherwise, which greedy text can show',
  ],
  requests: ({ sessions }) => 2 * sessions,
  async run({ scale, prompts, start, find }) {
    const tokens = Math.max(1, (times * scale.kvTokens) / scale.sessions - scale.outputTokens);
    const send = async (group: string, index: number) => {
      const messages = [user(prompts.text(`conversation ${index}`, tokens))];
      return start({ group, messages, maxTokens: scale.outputTokens }).record;
    };
    const indices = Array.from({ length: scale.sessions }, (_, index) => index);
    const contended = await Promise.all(indices.map(async (index) => send('at once', index)));
    let same = 0;
    const compare = indices.map((index) => async () => {
      const { text, failure } = await send('one by one', index);
      if (failure === undefined && contended[index]?.failure === undefined && contended[index]?.text === text)
        same++;
    });
    await atOnce(1, compare);
    find({ name: `texts that agree, of ${scale.sessions}`, value: same, unit: '' });
  },
};
