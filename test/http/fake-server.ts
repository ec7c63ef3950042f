import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import type { AccessPolicy } from '../../src/core/access.js';
import { silentLogger, type Logger } from '../../src/core/logger.js';
import { Engine } from '../../src/engine/engine.js';
import { createServer } from '../../src/http/server.js';
import { Metrics } from '../../src/metrics/metrics.js';
import { EnginePool } from '../../src/pool/engine-pool.js';
import type { MemoryProbe } from '../../src/pool/memory-probe.js';
import { defaultModelSettings, type ModelSettings } from '../../src/pool/pool-settings.js';
import { ModelCatalogue } from '../../src/pool/model-catalogue.js';
import { InMemoryTransport } from '../../src/testing/in-memory-transport.js';
import { StepGate } from '../../src/testing/step-gate.js';
import { streamEvents } from './stream-events.js';

/** The real HTTP server and pool, over fake models on this thread, whose steps a test can hold. */
export class FakeServer {
  readonly url: string;
  readonly pool: EnginePool;
  readonly server: FastifyInstance;
  /** Stands before every step of every engine. */
  readonly gate: StepGate;
  /** One for each engine that was made, the latest last. */
  readonly transports: InMemoryTransport[];
  readonly #folder: string;
  readonly #responses: { open: number };

  private constructor(parts: {
    url: string;
    pool: EnginePool;
    server: FastifyInstance;
    gate: StepGate;
    transports: InMemoryTransport[];
    folder: string;
    responses: { open: number };
  }) {
    this.#responses = parts.responses;
    this.url = parts.url;
    this.pool = parts.pool;
    this.server = parts.server;
    this.gate = parts.gate;
    this.transports = parts.transports;
    this.#folder = parts.folder;
  }

  /**
   * @param models fake models by id, such as `{ chatty: 'fake:?endAfter=5' }`
   * @param options.makeTransport of each engine
   * @param options.probe the system's when absent
   * @param options.access who may ask for what; everybody when absent
   */
  static async start(
    models: Readonly<Record<string, string>>,
    settings: Partial<ModelSettings> = {},
    {
      makeTransport = (parts) => new InMemoryTransport(parts),
      probe,
      access,
      log = silentLogger,
      host = '127.0.0.1',
      pingInterval,
    }: {
      makeTransport?: (parts: { gate: StepGate }) => InMemoryTransport;
      probe?: MemoryProbe;
      access?: () => AccessPolicy;
      log?: Logger;
      host?: string;
      pingInterval?: number;
    } = {},
  ): Promise<FakeServer> {
    const folder = mkdtempSync(join(tmpdir(), 'heddle-http-'));
    for (const [id, url] of Object.entries(models)) writeFileSync(join(folder, `${id}.gguf`), `${url}\n`);
    const gate = new StepGate();
    const transports: InMemoryTransport[] = [];
    const metrics = new Metrics();
    const pool = new EnginePool({
      catalogue: new ModelCatalogue([folder], log),
      settings: {
        defaults: { ...defaultModelSettings, contextSize: 2048, batchSize: 128, ...settings },
        policy: { firstRetry: 0, crashLimit: 100 },
      },
      createEngine: () => {
        const transport = makeTransport({ gate });
        transports.push(transport);
        return new Engine(transport);
      },
      observer: metrics.observer,
      ...(probe === undefined ? {} : { probe }),
    });
    const server = createServer({
      pool,
      log,
      metrics,
      ...(access === undefined ? {} : { access }),
      ...(pingInterval === undefined ? {} : { pingInterval }),
    });
    const responses = { open: 0 };
    server.server.on('request', (_, response) => {
      responses.open++;
      response.once('close', () => responses.open--);
    });
    await server.listen({ host, port: 0 });
    const { port } = server.server.address() as AddressInfo;
    return new FakeServer({
      url: `http://127.0.0.1:${port}`,
      pool,
      server,
      gate,
      transports,
      folder,
      responses,
    });
  }

  async post(path: string, body: unknown, signal?: AbortSignal): Promise<Response> {
    return fetch(`${this.url}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: typeof body === 'string' ? body : JSON.stringify(body),
      ...(signal === undefined ? {} : { signal }),
    });
  }

  /** Responses that are neither complete nor given up. */
  get openResponses(): number {
    return this.#responses.open;
  }

  /** The engine that runs this model. */
  async engine(id: string): Promise<Engine> {
    const lease = await this.pool.lease(id);
    lease.release();
    return lease.engine;
  }

  async stop(): Promise<void> {
    this.gate.open();
    await this.pool.close();
    this.server.server.closeAllConnections();
    await this.server.close();
    rmSync(this.#folder, { recursive: true });
  }
}

/** The data of the events of a stream, as the client receives them. */
export async function* events(response: Response): AsyncGenerator<string> {
  for await (const { data } of streamEvents(response)) yield data;
}

/** The text of a stream's event: content or text of its first choice; undefined when it has none. */
export function textOf(event: string): string | undefined {
  if (event === '[DONE]') return undefined;
  const { choices } = JSON.parse(event) as { choices: { text?: string; delta?: { content?: string } }[] };
  const text = choices[0]?.text ?? choices[0]?.delta?.content;
  return text === '' ? undefined : text;
}
