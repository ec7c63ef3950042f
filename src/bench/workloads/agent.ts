import type { ChatMessage } from '../chat-client.js';
import { atOnce, user, type RequestRecord, type Workload } from '../workload.js';

interface Session {
  readonly messages: readonly ChatMessage[];
  readonly last?: RequestRecord;
}

/**
 * Conversations with one system prompt and growing histories, more than run at once: turn by turn over all sessions, so
 * that between two turns of one session all others had theirs. What a turn sends again counts as seen: the prompt of
 * the turn before. The answer to it is not counted, because text need not become the same tokens again.
 */
export const agent: Workload = {
  name: 'agent',
  description: 'sessions of several turns with one system prompt, fewer at once than sessions',
  notMeasured: [
    'tool calls and the pauses in which a tool runs',
    'what of the first turn was seen before: the system prompt of the other sessions',
  ],
  requests: ({ sessions, turns }) => sessions * turns,
  async run({ scale, prompts, start }) {
    const system: ChatMessage = { role: 'system', content: prompts.text('system', scale.systemTokens) };
    const sessions = Array.from({ length: scale.sessions }, (): Session => ({ messages: [system] }));
    for (let turn = 1; turn <= scale.turns; turn++) {
      const jobs = sessions.map(({ messages: history, last }, index) => async () => {
        if (turn > 1 && last === undefined) return; // it failed before, and has no history
        const messages = [
          ...history,
          user(prompts.text(`session ${index} turn ${turn}`, scale.promptTokens)),
        ];
        const seen = last?.promptTokens;
        const record = await start({
          group: `turn ${turn}`,
          messages,
          maxTokens: scale.outputTokens,
          ...(seen === undefined ? {} : { seenTokens: seen }),
        }).record;
        sessions[index] =
          record.failure === undefined
            ? { messages: [...messages, { role: 'assistant', content: record.text }], last: record }
            : { messages: history };
      });
      await atOnce(scale.concurrency, jobs);
    }
  },
};
