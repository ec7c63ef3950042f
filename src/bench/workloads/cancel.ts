import { firstTokenTime, user, type Workload } from '../workload.js';

/** Part of a long prompt's time to first token after which it is given up. */
const part = 0.4;

/** A client that leaves in the middle of a long prompt, and one that comes right after it. */
export const cancel: Workload = {
  name: 'cancel',
  description: 'a client that leaves in the middle of a long prompt, and the request after it',
  notMeasured: [
    'the moment in which the server stops: only how much longer the next request waits than on an idle server',
  ],
  requests: ({ requests }) => 1 + 3 * Math.ceil(requests / 4),
  async run({ scale, prompts, start, find, pause }) {
    const long = (group: string, key: string) =>
      start({ group, messages: [user(prompts.text(key, scale.longTokens))], maxTokens: scale.outputTokens });
    const short = async (group: string, key: string) =>
      start({ group, messages: [user(prompts.text(key, 16))], maxTokens: 8 }).record;
    const whole = firstTokenTime(await long('long prompt, whole', 'whole').record);
    if (whole === undefined) return;
    let late = 0;
    for (let index = 0; index < Math.ceil(scale.requests / 4); index++) {
      const idle = firstTokenTime(await short('next request, idle', `idle ${index}`));
      const running = long('long prompt, given up', `given up ${index}`);
      await pause(whole * part);
      if (running.stream.begun || running.stream.ended) late++;
      running.stream.cancel();
      const after = firstTokenTime(await short('next request, after', `after ${index}`));
      await running.record;
      if (idle !== undefined && after !== undefined)
        find({ name: 'wait after a cancel, beyond that of an idle server', value: after - idle, unit: 'ms' });
    }
    find({ name: 'given up too late, in the answer', value: late, unit: '' });
  },
};
