import { atOnce, user, type Workload } from '../workload.js';

/** Two models, each alone and then both at once. */
export const duo: Workload = {
  name: 'duo',
  description: 'two models, each alone, then both at once',
  notMeasured: ['loading and unloading: both models were asked before'],
  needsSecondModel: true,
  requests: ({ requests }) => 4 * Math.ceil(requests / 2),
  async run({ scale, prompts, start }) {
    const load = async (model: 'first' | 'second', phase: string): Promise<void> => {
      const jobs = Array.from({ length: Math.ceil(scale.requests / 2) }, (_, index) => async () => {
        const messages = [user(prompts.text(`${model} ${phase} ${index}`, scale.promptTokens))];
        const group = `${model} model, ${phase}`;
        return start({ group, messages, maxTokens: scale.outputTokens, model }).record;
      });
      await atOnce(Math.max(1, Math.floor(scale.concurrency / 2)), jobs);
    };
    await load('first', 'alone');
    await load('second', 'alone');
    await Promise.all([load('first', 'beside'), load('second', 'beside')]);
  },
};
