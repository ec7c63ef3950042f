import { request, type IncomingMessage } from 'node:http';
import { once } from 'node:events';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { FastifyInstance } from 'fastify';
import { silentLogger } from '../../src/core/logger.js';
import { Engine } from '../../src/engine/engine.js';
import { ProcessTransport } from '../../src/engine/process-transport.js';
import { ThreadTransport } from '../../src/engine/thread-transport.js';
import { createServer } from '../../src/http/server.js';
import { EnginePool } from '../../src/pool/engine-pool.js';
import type { EngineStateKind } from '../../src/pool/engine-state.js';
import { ModelCatalogue } from '../../src/pool/model-catalogue.js';
import { defaultModelSettings, type ModelSettings, type PoolSettings } from '../../src/pool/pool-settings.js';

/** Where an engine lives. */
export const isolations = ['thread', 'process'] as const;
export type Isolation = (typeof isolations)[number];

const gatedRunner = pathToFileURL(join(process.cwd(), 'dist', 'testing', 'gated-runner.js')).href;

/** An engine with the real library, which stands still before the gates that a test sets up. */
export function gatedEngine(name: string, isolation: Isolation): Engine {
  const options = { name, runnerModule: gatedRunner };
  return new Engine(isolation === 'thread' ? new ThreadTransport(options) : new ProcessTransport(options));
}

/** Each token is an update of its own, and memory is that of models alone. */
export const realServerDefaults: ModelSettings = {
  ...defaultModelSettings,
  contextSize: 2048,
  batchSize: 256,
  speculation: 'off',
  cacheMemory: 0,
};

/** The HTTP server and the pool in this process, over the real library in both kinds of hosts. */
export class RealServer {
  readonly pool: EnginePool;
  readonly server: FastifyInstance;
  /** What happened, in order: `ID STATE` for each state entered, `ID lost`, and what tests add. */
  readonly events: string[] = [];
  readonly #socketPath: string;
  readonly #waiters: { event: string; resolve: () => void }[] = [];

  private constructor(folder: string, isolation: Isolation, settings: Partial<PoolSettings>) {
    this.#socketPath = join(folder, 'server.sock');
    this.pool = new EnginePool({
      catalogue: new ModelCatalogue([folder], silentLogger),
      settings: {
        threads: 1,
        defaults: realServerDefaults,
        policy: { firstRetry: 0, crashLimit: 100, teardownDeadline: 60_000 },
        ...settings,
      },
      createEngine: ({ id }) => gatedEngine(id, isolation),
      observer: {
        changed: ({ file, state }) => this.note(`${file.id} ${state.kind}`),
        progress() {},
        lost: ({ id }) => this.note(`${id} lost`),
        settled() {},
      },
    });
    this.server = createServer({ pool: this.pool, log: silentLogger });
  }

  /** @param folder with the models; the server's socket is made there as well */
  static async start(
    folder: string,
    isolation: Isolation,
    settings: Partial<PoolSettings> = {},
  ): Promise<RealServer> {
    const server = new RealServer(folder, isolation, settings);
    await server.server.listen({ path: server.#socketPath });
    return server;
  }

  /** Adds to {@link events}. */
  note(event: string): void {
    this.events.push(event);
    for (const waiter of this.#waiters) if (waiter.event === event) waiter.resolve();
  }

  /** Resolves when a model next enters a state. */
  async entered(id: string, state: EngineStateKind): Promise<void> {
    await new Promise<void>((resolve) => this.#waiters.push({ event: `${id} ${state}`, resolve }));
  }

  /** Posts over a connection of its own; resolves with the head of the response, whose body is not read. */
  async post(path: string, body: object): Promise<IncomingMessage> {
    const headers = { 'content-type': 'application/json' };
    const sent = request({ socketPath: this.#socketPath, path, method: 'POST', headers, agent: false });
    sent.end(JSON.stringify(body));
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    return response;
  }

  /** As {@link post}, with the whole body as text. */
  async ask(path: string, body: object): Promise<{ status: number | undefined; text: string }> {
    const response = await this.post(path, body);
    return { status: response.statusCode, text: await readAll(response) };
  }

  async stop(): Promise<void> {
    await this.pool.close();
    this.server.server.closeAllConnections();
    await this.server.close();
  }
}

/** The rest of a body. */
export async function readAll(response: IncomingMessage): Promise<string> {
  let text = '';
  response.setEncoding('utf8');
  for await (const piece of response) text += piece as string;
  return text;
}
