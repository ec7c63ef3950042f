import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { silentLogger } from '../core/logger.js';
import { Engine } from '../engine/engine.js';
import { InMemoryTransport } from '../testing/in-memory-transport.js';
import { collect, makeRequest } from '../testing/requests.js';
import { EnginePool } from './engine-pool.js';
import { EngineReports } from './engine-reports.js';
import { ModelCatalogue } from './model-catalogue.js';
import { defaultModelSettings } from './pool-settings.js';

let folder: string;
let pool: EnginePool;
let transports: InMemoryTransport[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'heddle-reports-'));
  for (const id of ['a', 'b']) writeFileSync(join(folder, `${id}.gguf`), 'fake:?');
  transports = [];
  pool = new EnginePool({
    catalogue: new ModelCatalogue([folder], silentLogger),
    settings: { defaults: { ...defaultModelSettings, contextSize: 512 } },
    createEngine() {
      const transport = new InMemoryTransport();
      transports.push(transport);
      return new Engine(transport);
    },
    observer: { changed() {}, progress() {}, lost() {}, settled() {} },
  });
});

afterEach(async () => {
  for (const { gate } of transports) gate.open();
  await pool.close();
  rmSync(folder, { recursive: true });
});

async function engineOf(id: string): Promise<Engine> {
  const lease = await pool.lease(id);
  lease.release();
  return lease.engine;
}

it('engines that answer are all there, however long the deadline', async () => {
  const engine = await engineOf('a');
  await engineOf('b');
  await collect(engine.generate(makeRequest()));
  const reports = await new EngineReports(2 ** 31 - 1).of(pool.models);
  expect(reports.get('a')).toMatchObject({ engine, report: { running: 0, steps: 16 } });
  expect(reports.get('b')).toMatchObject({ report: { steps: 0 } });
});

it('a model that is not loaded, or is lost, has no report', async () => {
  await engineOf('a');
  await engineOf('b');
  await pool.unload('a', 0);
  const reports = new EngineReports();
  expect([...(await reports.of(pool.models)).keys()]).toEqual(['b']);
  transports[1]?.crash();
  expect([...(await reports.of(pool.models)).keys()]).toEqual([]);
});

it('an engine that does not answer keeps its last report, others theirs, and is asked once only', async () => {
  const engine = await engineOf('a');
  await engineOf('b');
  const inspect = vi.spyOn(engine, 'inspect');
  const reports = new EngineReports(20);
  const [held] = transports;
  held?.gate.hold();
  const text = collect(engine.generate(makeRequest()));
  await held?.gate.reached(1);
  // It has never answered, and stands before a step.
  expect([...(await reports.of(pool.models)).keys()]).toEqual(['b']);
  expect([...(await reports.of(pool.models)).keys()]).toEqual(['b']);
  expect(inspect).toHaveBeenCalledTimes(1);

  // The answer to the first question comes late, and is there for the next who asks.
  held?.gate.release(1);
  await held?.gate.reached(2);
  const late = await reports.of(pool.models);
  expect(late.get('a')?.report).toMatchObject({ running: 1, steps: 1 });
  expect(late.get('a')?.age).toBeGreaterThanOrEqual(0);
  expect(inspect).toHaveBeenCalledTimes(2);

  held?.gate.open();
  await text;
  expect((await new EngineReports(60_000).of(pool.models)).get('a')?.report).toMatchObject({ running: 0 });
});
