/*
 * The peer of the prompt cache benchmark: node-llama-cpp behind the OpenAI API, as one would serve it. Each request takes
 * the free sequence that begins most like its prompt, and computes what differs; others wait for a free sequence.
 * `MODEL`, `THREADS`, `SEQUENCES` and `CONTEXT` (of a sequence) tell what to serve; the port is printed.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text as readText } from 'node:stream/consumers';

/** The part of node-llama-cpp that is used here; it is installed in bench/ only. */
interface PeerSequence {
  evaluate(tokens: number[], options: object): AsyncGenerator<number>;
  adaptStateToTokens(tokens: number[], allowShift: boolean): Promise<void>;
  compareContextTokens(tokens: number[]): { firstDifferentIndex: number };
}
interface PeerModel {
  tokenize(text: string, specialTokens: boolean): number[];
  detokenize(tokens: number[]): string;
  createContext(options: object): Promise<{ getSequence(): PeerSequence }>;
}
interface Peer {
  getLlama(options: object): Promise<{ loadModel(options: object): Promise<PeerModel> }>;
}

interface ChatRequest {
  readonly messages: readonly { role: string; content: string }[];
  readonly max_completion_tokens?: number;
  readonly max_tokens?: number;
}

const threads = Number(process.env['THREADS'] ?? 2);
const sequences = Number(process.env['SEQUENCES'] ?? 4);
const peerName = 'node-llama-cpp';
const peer = (await import(peerName)) as Peer;
const llama = await peer.getLlama({ gpu: false, build: 'never', logLevel: 'error', maxThreads: threads });
const model = await llama.loadModel({ modelPath: process.env['MODEL'] });
const context = await model.createContext({
  contextSize: Number(process.env['CONTEXT'] ?? 4096),
  batchSize: 512,
  threads,
  sequences,
  flashAttention: true,
});
const free = Array.from({ length: sequences }, () => context.getSequence());
const waiting: (() => void)[] = [];

/** The free sequence that begins most like the prompt, once there is one. */
async function take(prompt: number[]): Promise<{ sequence: PeerSequence; held: number }> {
  while (free.length === 0) await new Promise<void>((resolve) => waiting.push(resolve));
  const held = free.map((one) =>
    Math.min(one.compareContextTokens(prompt).firstDifferentIndex, prompt.length - 1),
  );
  const best = held.indexOf(Math.max(...held));
  const [sequence] = free.splice(best, 1);
  if (sequence === undefined) throw new Error('no sequence is free');
  return { sequence, held: held[best] ?? 0 };
}

function giveBack(sequence: PeerSequence): void {
  free.push(sequence);
  waiting.shift()?.();
}

async function chat(body: ChatRequest, response: ServerResponse): Promise<void> {
  const text = body.messages.map(({ role, content }) => `<|${role}|>\n${content}\n`).join('');
  const prompt = model.tokenize(`${text}<|assistant|>\n`, false);
  const most = body.max_completion_tokens ?? body.max_tokens ?? 16;
  const { sequence, held } = await take(prompt);
  let generated = 0;
  const send = (event: object): void => void response.write(`data: ${JSON.stringify(event)}\n\n`);
  const chunk = (delta: object, finish_reason: string | null): void =>
    send({ object: 'chat.completion.chunk', choices: [{ index: 0, delta, finish_reason }] });
  try {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    await sequence.adaptStateToTokens(prompt.slice(0, held), false);
    // End tokens are passed over, as by a server that is told to ignore them.
    const tokens = sequence.evaluate(prompt.slice(held), { temperature: 0, yieldEogToken: true });
    for await (const token of tokens) {
      generated++;
      chunk({ content: model.detokenize([token]) || ' ' }, null);
      if (generated === most || response.destroyed) break;
    }
    chunk({}, 'length');
    const usage = { prompt_tokens: prompt.length, completion_tokens: generated };
    send({ choices: [], usage: { ...usage, prompt_tokens_details: { cached_tokens: held } } });
    response.end('data: [DONE]\n\n');
  } finally {
    giveBack(sequence);
  }
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.url === '/v1/models') {
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ object: 'list', data: [{ id: 'peer', object: 'model' }] }));
  } else if (request.url === '/v1/chat/completions') {
    await chat(JSON.parse(await readText(request)) as ChatRequest, response);
  } else response.writeHead(404).end();
}

const server = createServer((request, response) => {
  answer(request, response).catch((error: unknown) => response.destroy(error as Error));
});
server.listen(0, '127.0.0.1', () => {
  console.log(`peer is listening on http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});
