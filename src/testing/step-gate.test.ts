import { expect, test } from 'vitest';
import { Engine } from '../engine/engine.js';
import { fakeModel } from './engine-conformance.js';
import { InMemoryTransport } from './in-memory-transport.js';
import { makeRequest } from './requests.js';

test('a reader has the text of a step before the next one may begin', async () => {
  const transport = new InMemoryTransport();
  const engine = new Engine(transport);
  await engine.load(fakeModel('fake:?scriptedText=heddle'));
  transport.gate.hold();
  const generation = engine.generate(makeRequest());
  expect((await generation.next()).value).toMatchObject({ kind: 'accepted' });
  await transport.gate.reached(1);
  transport.gate.release();
  expect((await generation.next()).value).toMatchObject({ kind: 'started' });
  expect((await generation.next()).value).toMatchObject({ text: 'h' });
  for (const [index, letter] of Array.from('eddle').entries()) {
    await transport.gate.reached(index + 2);
    transport.gate.release();
    expect((await generation.next()).value).toMatchObject({ text: letter });
    await transport.gate.reached(index + 3);
    expect(transport.gate.step).toBe(index + 3);
  }
  transport.gate.open();
  expect((await generation.next()).value).toMatchObject({ finish: { reason: 'stop' } });
  await engine.close();
});

test('steps are let through in the number that is allowed', async () => {
  const transport = new InMemoryTransport();
  const engine = new Engine(transport);
  await engine.load(fakeModel());
  transport.gate.hold();
  transport.gate.release(3);
  const generation = engine.generate(makeRequest());
  await transport.gate.reached(4);
  expect(transport.gate.step).toBe(4);
  generation.cancel();
  transport.gate.open();
  expect(await engine.close()).toMatchObject({ running: 0 });
});
