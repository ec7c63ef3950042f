/*
 * Writes bench/traces/chat-and-agents.json: requests as they may come to one model of a small machine in ten minutes,
 * most of what it can serve. `node bench/dist/make-trace.js`; the seed makes it the same each time. Prompt tokens are
 * those that no cache holds.
 *
 * - chat: 8 users; one message after 45 s on average, 40 to 700 tokens; answers of 20 to 200.
 * - agent: 2 users; bursts of 3 to 8 turns, a few seconds apart: the first of 1500 to 5000 tokens, the others, whose
 *   history is held, of 100 to 1500; answers of 15 to 100.
 * - completion: an editor, of high priority; every 15 s on average 50 to 250 tokens; answers of 4 to 24.
 * - batch: 12 documents of 300 to 2000 tokens at once, of batch priority, at two times; answers of 20 to 60.
 */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Arrival } from '../../dist/testing/simulated-machine.js';

export interface TraceRequest extends Required<Arrival> {
  readonly kind: 'chat' | 'agent' | 'completion' | 'batch';
}

const duration = 600_000;
let state = 20_260_401;

/** From 0 to 1: mulberry32. */
function random(): number {
  state = (state + 0x6d2b79f5) | 0;
  let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
}

/** Even in the logarithm, as lengths of texts are, about. */
const between = (least: number, most: number): number => Math.round(least * (most / least) ** random());

/** Times of a Poisson process. */
function times(mean: number): number[] {
  const all: number[] = [];
  for (let at = -mean * Math.log(1 - random()); at < duration; at -= mean * Math.log(1 - random())) {
    all.push(Math.round(at));
  }
  return all;
}

const trace: TraceRequest[] = [];
for (let user = 1; user <= 8; user++) {
  for (const at of times(45_000)) {
    const [promptTokens, generate] = [between(40, 700), between(20, 200)];
    trace.push({ kind: 'chat', at, promptTokens, generate, priority: 'normal', fairnessKey: `chat ${user}` });
  }
}
for (let user = 1; user <= 2; user++) {
  for (const begin of times(150_000)) {
    let at = begin;
    const turns = between(3, 8);
    for (let turn = 0; turn < turns; turn++) {
      const promptTokens = turn === 0 ? between(1500, 5000) : between(100, 1500);
      const fairnessKey = `agent ${user}`;
      trace.push({
        kind: 'agent',
        at,
        promptTokens,
        generate: between(15, 100),
        priority: 'normal',
        fairnessKey,
      });
      at += between(4000, 12_000);
    }
  }
}
for (const at of times(15_000)) {
  const [promptTokens, generate] = [between(50, 250), between(4, 24)];
  trace.push({ kind: 'completion', at, promptTokens, generate, priority: 'high', fairnessKey: 'editor' });
}
for (const at of [90_000, 330_000]) {
  for (let document = 0; document < 12; document++) {
    const [promptTokens, generate] = [between(300, 2000), between(20, 60)];
    trace.push({ kind: 'batch', at, promptTokens, generate, priority: 'batch', fairnessKey: 'batch' });
  }
}
trace.sort((left, right) => left.at - right.at);

const lines = trace.map((request) => `  ${JSON.stringify(request)}`);
const file = fileURLToPath(new URL('../traces/chat-and-agents.json', import.meta.url));
writeFileSync(file, `[\n${lines.join(',\n')}\n]\n`);
const tokens = trace.reduce((sum, { promptTokens }) => sum + promptTokens, 0);
const generated = trace.reduce((sum, { generate }) => sum + generate, 0);
console.log(`${trace.length} requests, ${tokens} prompt tokens, ${generated} tokens to generate: ${file}`);
