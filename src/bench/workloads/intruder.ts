import { firstTokenTime, gapsOf, user, type RequestRecord, type Workload } from '../workload.js';

/** Pieces that every stream has when the long prompt comes: all are past their own prompts then. */
const settled = 8;

/** A long prompt among running streams: what it does to their gaps, and what they do to its first token. */
export const intruder: Workload = {
  name: 'intruder',
  description: 'a long prompt among running streams',
  notMeasured: ['several long prompts at once'],
  requests: ({ concurrency }) => concurrency + 2,
  async run({ scale, prompts, start, find }) {
    const long = (group: string) =>
      start({ group, messages: [user(prompts.text(group, scale.longTokens))], maxTokens: 8 });
    const alone = await long('long prompt alone').record;

    const records: Promise<RequestRecord>[] = [];
    const answered = new AbortController();
    const begin = (lane: number, count: number) => {
      const messages = [user(prompts.text(`stream ${lane}.${count}`, scale.promptTokens))];
      const running = start({ group: 'streams', messages, maxTokens: scale.streamTokens });
      records.push(running.record);
      return running;
    };
    // A stream that ends before the long prompt has its answer is followed by another, else there is nobody to disturb.
    const follow = async (lane: number, first: Promise<RequestRecord>): Promise<void> => {
      let { failure } = await first;
      for (let count = 1; !answered.signal.aborted && failure === undefined; count++) {
        ({ failure } = await begin(lane, count).record);
      }
    };
    const streams = Array.from({ length: scale.concurrency }, (_, lane) => begin(lane, 0));
    const lanes = streams.map(async ({ record }, lane) => follow(lane, record));
    await Promise.all(streams.map(async ({ stream }) => stream.reached(settled)));
    const among = await long('long prompt among streams').record;
    answered.abort();
    await Promise.all(lanes);

    const until = among.arrivals[0] ?? among.endedAt;
    const gaps = (await Promise.all(records)).flatMap(gapsOf);
    // A gap counts when any of it lies in the time of the long prompt.
    const isBeside = ({ end, gap }: (typeof gaps)[number]): boolean =>
      end > among.sentAt && end - gap < until;
    const beside = gaps.filter(isBeside);
    const apart = gaps.filter((gap) => !isBeside(gap));
    const worst = (some: typeof gaps): number => some.reduce((most, { gap }) => Math.max(most, gap), 0);
    if (beside.length > 0)
      find({ name: 'worst gap of streams, long prompt running', value: worst(beside), unit: 'ms' });
    if (apart.length > 0) find({ name: 'worst gap of streams otherwise', value: worst(apart), unit: 'ms' });
    const [amongTime, aloneTime] = [firstTokenTime(among), firstTokenTime(alone)];
    if (amongTime !== undefined && aloneTime !== undefined)
      find({
        name: 'TTFT of the long prompt, among streams / alone',
        value: amongTime / aloneTime,
        unit: 'times',
      });
  },
};
