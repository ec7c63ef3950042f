import { describe, expect, it } from 'vitest';
import { Engine } from '../engine/engine.js';
import type { EngineCommand } from '../engine/protocol.js';
import { fakeModel } from '../testing/engine-conformance.js';
import { InMemoryTransport } from '../testing/in-memory-transport.js';
import { collect, makeRequest } from '../testing/requests.js';
import { ComputeGovernor } from './compute-governor.js';

/** Remembers the thread counts its engine was told, and that before which request. */
class RecordingTransport extends InMemoryTransport {
  readonly told: (number | 'generate')[] = [];

  override post(command: EngineCommand): void {
    if (command.type === 'set-threads') this.told.push(command.threads);
    if (command.type === 'generate') this.told.push('generate');
    super.post(command);
  }
}

async function engines(governor: ComputeGovernor, count: number) {
  return Promise.all(
    Array.from({ length: count }, async () => {
      const transport = new RecordingTransport();
      const engine = new Engine(transport);
      await engine.load(fakeModel());
      governor.add(engine);
      return { engine, transport };
    }),
  );
}

describe('the compute governor', () => {
  it('shares the cores among the engines that are busy, before their first step', async () => {
    const governor = new ComputeGovernor(8);
    const [a, b, c] = await engines(governor, 3);
    if (a === undefined || b === undefined || c === undefined) throw new Error('three engines were made');
    for (const { transport } of [a, b, c]) transport.gate.hold();
    const first = collect(a.engine.generate(makeRequest()));
    expect(governor.allotment).toBe(8);
    const second = collect(b.engine.generate(makeRequest()));
    const third = collect(c.engine.generate(makeRequest()));
    expect(governor.allotment).toBe(2);
    expect(a.transport.told).toEqual(['generate', 4, 2]);
    expect(b.transport.told).toEqual([4, 'generate', 2]);
    expect(c.transport.told).toEqual([2, 'generate']);

    b.transport.gate.open();
    await second;
    expect(governor.allotment).toBe(4);
    expect(a.transport.told.at(-1)).toBe(4);
    a.transport.gate.open();
    c.transport.gate.open();
    await Promise.all([first, third]);
    for (const { engine } of [a, b, c]) await engine.close();
  });

  it('gives every engine one thread when more are busy than there are cores', async () => {
    const governor = new ComputeGovernor(2);
    const many = await engines(governor, 5);
    for (const { transport } of many) transport.gate.hold();
    const texts = many.map(async ({ engine }) => collect(engine.generate(makeRequest())));
    expect(governor.allotment).toBe(1);
    for (const { transport } of many) transport.gate.open();
    await Promise.all(texts);
    for (const { engine } of many) await engine.close();
  });

  it('gives back what an engine had that has gone', async () => {
    const governor = new ComputeGovernor(4);
    const [a, b] = await engines(governor, 2);
    if (a === undefined || b === undefined) throw new Error('two engines were made');
    for (const { transport } of [a, b]) transport.gate.hold();
    const lost = collect(a.engine.generate(makeRequest())).catch((error: unknown) => error);
    const kept = collect(b.engine.generate(makeRequest()));
    expect(governor.allotment).toBe(2);
    a.transport.crash();
    expect(await lost).toMatchObject({ code: 'engine_crashed' });
    governor.remove(a.engine);
    expect(governor.allotment).toBe(4);
    a.transport.gate.open();
    b.transport.gate.open();
    await kept;
    await b.engine.close();
  });
});
