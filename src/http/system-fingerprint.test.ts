import { expect, test } from 'vitest';
import { defaultStableRules } from '../core/stable-rules.js';
import { FakeRunner } from '../testing/fake-runner.js';
import { systemFingerprint } from './system-fingerprint.js';

const load = { modelPath: 'fake:', contextSize: 128, slots: 2, batchSize: 64, threads: 1 };
const { info } = new FakeRunner(load, new Uint8Array(2));
const file = { id: 'a', bytes: 10, modified: 1000 };
const print = (changes: { file?: object; info?: object; rules?: object } = {}): string =>
  systemFingerprint(
    { ...file, ...changes.file },
    { ...info, ...changes.info },
    { ...defaultStableRules, ...changes.rules },
  );

test('a fingerprint is the same for the same things, in whatever order they are told', () => {
  expect(print()).toMatch(/^fp_[0-9a-f]{16}$/);
  const turned = Object.fromEntries(Object.entries(info).toReversed()) as unknown as typeof info;
  expect(systemFingerprint(file, turned, defaultStableRules)).toBe(print());
});

test('a fingerprint changes with the file, the library, the room and the rules', () => {
  const [rule] = Object.keys(defaultStableRules) as [keyof typeof defaultStableRules];
  const others = [
    print({ file: { bytes: 11 } }),
    print({ file: { modified: 2000 } }),
    print({ info: { stateFormat: 'fake 2' } }),
    print({ info: { contextSize: 256 } }),
    print({ rules: { [rule]: !defaultStableRules[rule] } }),
  ];
  expect(new Set([print(), ...others]).size).toBe(6);
});
