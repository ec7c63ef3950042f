import { atOnce, firstTokenTime, user, type RequestRecord, type Workload } from '../workload.js';
import { median } from '../statistics.js';

/** The same long prompts before and after a restart of the server: what a cache on disk saves. */
export const restart: Workload = {
  name: 'restart',
  description: 'the same long prompts before and after the server is restarted',
  notMeasured: [
    'whether the server was restarted: that is what it was told',
    'the time that restarting and loading the model take',
  ],
  needsRestart: true,
  requests: ({ concurrency }) => 2 * concurrency,
  async run({ scale, prompts, start, find, restart: restarted }) {
    const phase = async (group: string): Promise<RequestRecord[]> => {
      const records: RequestRecord[] = [];
      const jobs = Array.from({ length: scale.concurrency }, (_, index) => async () => {
        const before = earlier[index]?.promptTokens;
        const messages = [user(prompts.text(`prompt ${index}`, scale.longTokens))];
        const seen = before === undefined ? {} : { seenTokens: before };
        records[index] = await start({ group, messages, maxTokens: scale.outputTokens, ...seen }).record;
      });
      // One by one: the wait for others would hide what a prompt costs.
      await atOnce(1, jobs);
      return records;
    };
    let earlier: RequestRecord[] = [];
    earlier = await phase('before');
    await restarted();
    const later = await phase('after');
    const [was, is] = [earlier, later].map((records) =>
      median(records.flatMap((record) => firstTokenTime(record) ?? [])),
    );
    if (was !== undefined && is !== undefined)
      find({ name: 'TTFT after / before the restart', value: is / was, unit: 'times' });
    const same = later.filter(
      ({ text, failure }, index) => failure === undefined && text === earlier[index]?.text,
    ).length;
    find({ name: `texts that agree, of ${scale.concurrency}`, value: same, unit: '' });
  },
};
