import { afterEach, describe, expect, it } from 'vitest';
import { InMemoryTransport } from '../testing/in-memory-transport.js';
import { collect, makeRequest } from '../testing/requests.js';
import { ScriptedProbe } from '../testing/scripted-probe.js';
import { TestPool } from '../testing/test-pool.js';

const stalled = { code: 'engine_stalled', message: 'It was stalled by a test.', retryable: true } as const;

let test: TestPool;

afterEach(async () => test.close());

function begin(options: ConstructorParameters<typeof TestPool>[0] = {}): TestPool {
  test = new TestPool(options);
  return test;
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}

describe('a load that hangs', () => {
  /** A pool whose loads wait until they are let on, and do not hear that they are cancelled. */
  function beginHung(): { letOn: () => void } {
    let letOn: () => void = () => {};
    const held = new Promise<void>((resolve) => (letOn = resolve));
    const open = async (): Promise<never> => {
      await held;
      throw new Error('it ends after all');
    };
    begin({ makeTransport: () => new InMemoryTransport({ open }), policy: { teardownDeadline: 20 } });
    test.addModel('a');
    return { letOn };
  }

  it('holds nobody up who unloads the model: its thread is quarantined', async () => {
    const { letOn } = beginHung();
    const asked = test.pool.lease('a').catch((error: unknown) => error);
    await test.until('a loading');
    await test.pool.unload('a', 0);
    expect(await asked).toMatchObject({ code: 'load_cancelled', retryable: true });
    expect(test.happened.at(-1)).toBe('a quarantined');
    expect(test.pool.ledger).toMatchObject([{ id: 'a', state: 'quarantined' }]);
    letOn();
    await test.until('a unloaded');
    expect(test.pool.ledger).toEqual([]);
  });

  it('holds nobody up who closes the pool', async () => {
    const { letOn } = beginHung();
    const asked = test.pool.lease('a').catch((error: unknown) => error);
    await test.until('a loading');
    await test.pool.close();
    expect(await asked).toMatchObject({ code: 'load_cancelled' });
    letOn();
  });

  it('is given up, and its caller told, when the stall watch says so', async () => {
    const { letOn } = beginHung();
    const asked = test.pool.lease('a').catch((error: unknown) => error);
    await test.until('a loading');
    test.pool.managed('a')?.giveUp(stalled);
    expect(await asked).toMatchObject({ code: 'engine_stalled' });
    expect(test.happened.slice(-2)).toEqual(['a lost', 'a quarantined']);
    letOn();
  });
});

describe('an engine that is given up while it is unloaded', () => {
  it('is quarantined as long as its thread is there', async () => {
    const probe = new ScriptedProbe();
    begin({ policy: { teardownDeadline: 60_000 }, probe });
    test.addModel('a');
    const lease = await test.pool.lease('a');
    const [stuck] = test.transports;
    stuck?.gate.hold();
    const generation = lease.engine.generate(makeRequest());
    lease.release();
    await stuck?.gate.reached(1);
    const unloaded = test.pool.unload('a', 0);
    await test.until('a unloading');
    test.pool.managed('a')?.giveUp(stalled);
    await unloaded;
    expect(test.happened.at(-1)).toBe('a quarantined');
    await expect(collect(generation)).rejects.toMatchObject({ code: 'engine_stalled' });
    stuck?.gate.open();
    await test.until('a unloaded');
    expect(test.settled).toEqual([]);
  });
});

describe('a host that is lost', () => {
  it('while its model waits for memory ends the wait', async () => {
    begin({ memoryCeiling: 150, policy: { queueWait: 60_000 } });
    test.addModel('a', 'fake:?bytes=100');
    test.addModel('b', 'fake:?bytes=100');
    const lease = await test.pool.lease('a');
    const asked = test.pool.lease('b').catch((error: unknown) => error);
    await test.until('b queued');
    await turns(5);
    test.transports[1]?.crash();
    expect(await asked).toMatchObject({ code: 'engine_crashed' });
    expect(test.happened.slice(-2)).toEqual(['b lost', 'b failed']);
    expect(test.pool.ledger).toMatchObject([{ id: 'a' }]);
    lease.release();
  });

  it('while it loads counts as lost, and what it said last is kept', async () => {
    begin();
    test.addModel('a', 'fake:?loadSteps=1000&loadDelayMs=5');
    const asked = test.pool.lease('a').catch((error: unknown) => error);
    await test.until('a loading');
    test.transports[0]?.crash();
    expect(await asked).toMatchObject({ code: 'engine_crashed' });
    expect(test.happened).toContain('a lost');
    expect(test.pool.managed('a')?.losses).toMatchObject({
      count: 1,
      last: { error: { code: 'engine_crashed' }, lastWords: '' },
    });
  });
});

it('a load that fails is given no verdict on memory, and leaves nothing on the ledger', async () => {
  const probe = new ScriptedProbe();
  probe.bytes = 2 ** 30;
  begin({ probe, policy: { settleDeadline: 20, leakDeadline: 20 } });
  test.addModel('a', `fake:?bytes=${2 ** 29}&loadFails=model_file_invalid`);
  await expect(test.pool.lease('a')).rejects.toMatchObject({ code: 'model_file_invalid' });
  expect(test.pool.ledger).toEqual([]);
  expect(test.settled).toEqual([]);
  expect(test.happened.at(-1)).toBe('a failed');
});
