import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fakeModel } from '../testing/engine-conformance.js';
import { makeRequest } from '../testing/requests.js';
import { Engine } from './engine.js';
import { isProcessNotice, isProcessRequest } from './message-check.js';
import type { ProcessNotice } from './process-messages.js';
import type { EngineTransport, TransportListener } from './transport.js';

const error = { code: 'engine_stalled', message: 'why', retryable: true } as const;
const choice = { kind: 'choice', requestId: 'a', choice: 0, text: ' x', completionTokens: 1 } as const;
const likely = { token: 7, bytes: Uint8Array.of(32), logProbability: -0.5 };
const likelihood = { ...likely, top: [likely, { ...likely, bytes: new Uint8Array(0), name: '<eos>' }] };
const score = { promptTokens: 1, tokens: [7], logProbabilities: [-0.5], sum: -0.5 };

const notices: readonly ProcessNotice[] = [
  { kind: 'gone', error: undefined },
  { kind: 'gone', error },
  { kind: 'event', event: { type: 'alive' } },
  { kind: 'event', event: { type: 'alive', call: 1 } },
  { kind: 'event', event: { type: 'loading', fraction: 0.5 } },
  { kind: 'event', event: { type: 'result', call: 1, value: undefined } },
  { kind: 'event', event: { type: 'refused', call: 1, error: { ...error, param: 'prompt' } } },
  { kind: 'event', event: { type: 'step', updates: [] } },
  {
    kind: 'event',
    event: {
      type: 'step',
      updates: [
        { kind: 'accepted', requestId: 'a', promptTokens: 0 },
        { kind: 'started', requestId: 'a', cachedTokens: 0 },
        choice,
        { ...choice, finish: { reason: 'stop', stopString: '.' } },
        { ...choice, likelihoods: [likelihood, { ...likelihood, top: [] }] },
        { kind: 'likelihoods', requestId: 'a', from: 3, tokens: [likelihood] },
        { kind: 'score', requestId: 'a', score, likelihoods: { from: 0, tokens: [likelihood] } },
        { kind: 'embedding', requestId: 'a', input: 0, tokens: 2, embedding: new Float32Array(3) },
        { kind: 'relevance', requestId: 'a', document: 0, relevance: 0.5, tokens: 3 },
        { kind: 'score', requestId: 'a', score },
        { kind: 'failed', requestId: 'a', error },
      ],
    },
  },
];

/** A host that says what a test says. */
class Puppet implements EngineTransport {
  readonly hostBytes = 0;
  readonly aborts = { openLane() {}, cancel() {}, cancelAll() {}, cancelLoad() {} };
  listener: TransportListener | undefined;

  start(listener: TransportListener): void {
    this.listener = listener;
  }
  post(): void {}
}

/** Lets a notice arrive at an engine that has a request. */
async function tell(notice: ProcessNotice): Promise<void> {
  const puppet = new Puppet();
  const engine = new Engine(puppet);
  const loaded = engine.load(fakeModel());
  puppet.listener?.onEvent({ type: 'result', call: 1, value: [] });
  await loaded;
  const generation = engine.generate({ ...makeRequest(), id: 'a' });
  if (notice.kind === 'event') puppet.listener?.onEvent(notice.event);
  else puppet.listener?.onExit(notice.error);
  generation.cancel();
}

describe('what an engine process may say', () => {
  test.each(notices)('%j', (notice) => {
    expect(isProcessNotice(notice)).toBe(true);
    expect(isProcessNotice(structuredClone(notice))).toBe(true);
  });
});

describe('what it may not say', () => {
  test.each([
    undefined,
    null,
    7,
    'event',
    [],
    {},
    { kind: 'toString' },
    { kind: 'event' },
    { kind: 'event', event: null },
    { kind: 'event', event: { type: 'unheard-of' } },
    { kind: 'event', event: { type: 'step' } },
    { kind: 'event', event: { type: 'step', updates: { length: 1, 0: choice } } },
    { kind: 'event', event: { type: 'step', updates: [null] } },
    { kind: 'event', event: { type: 'step', updates: [{ ...choice, text: 7 }] } },
    { kind: 'event', event: { type: 'step', updates: [{ ...choice, choice: -1 }] } },
    { kind: 'event', event: { type: 'step', updates: [{ ...choice, completionTokens: NaN }] } },
    { kind: 'event', event: { type: 'step', updates: [{ kind: 'started', requestId: 'a' }] } },
    { kind: 'event', event: { type: 'step', updates: [{ ...choice, finish: 'stop' }] } },
    { kind: 'event', event: { type: 'step', updates: [{ ...choice, likelihoods: likelihood }] } },
    { kind: 'event', event: { type: 'step', updates: [{ ...choice, likelihoods: [likely] }] } },
    {
      kind: 'event',
      event: { type: 'step', updates: [{ ...choice, likelihoods: [{ ...likelihood, bytes: [32] }] }] },
    },
    {
      kind: 'event',
      event: { type: 'step', updates: [{ kind: 'likelihoods', requestId: 'a', tokens: [likelihood] }] },
    },
    {
      kind: 'event',
      event: { type: 'step', updates: [{ kind: 'score', requestId: 'a', score, likelihoods: [] }] },
    },
    { kind: 'event', event: { type: 'step', updates: [{ ...choice, finish: { reason: 'boredom' } }] } },
    { kind: 'event', event: { type: 'step', updates: Object.assign([], { length: 1 }) } },
    {
      kind: 'event',
      event: { type: 'step', updates: [{ kind: 'score', requestId: 'a', score: { ...score, sum: '' } }] },
    },
    {
      kind: 'event',
      event: {
        type: 'step',
        updates: [{ kind: 'embedding', requestId: 'a', input: 0, tokens: 2, embedding: [1] }],
      },
    },
    { kind: 'event', event: { type: 'refused', call: 1, error: { code: 'toString', message: '' } } },
    { kind: 'gone', error: { code: 'unheard_of', message: '' } },
    { kind: 'gone', error: null },
  ])('%j', (message) => {
    expect(isProcessNotice(message)).toBe(false);
  });

  test('is anything that would throw in the gateway', async () => {
    const at = fc.array(fc.nat(20), { minLength: 1, maxLength: 6 });
    const damages = fc.asyncProperty(
      fc.constantFrom(...notices),
      at,
      fc.anything(),
      async (notice, path, value) => {
        const damaged = structuredClone(notice);
        damage(damaged, path, value);
        if (isProcessNotice(damaged)) await tell(damaged);
      },
    );
    await expect(fc.assert(damages, { numRuns: 2000 })).resolves.toBeUndefined();
  });
});

/** Replaces a value somewhere inside of a message. */
function damage(message: object, [first = 0, ...path]: readonly number[], value: unknown): void {
  const keys = Object.keys(message);
  const key = keys[first % keys.length] as keyof typeof message;
  const inner: unknown = message[key];
  if (path.length > 0 && typeof inner === 'object' && inner !== null && Object.keys(inner).length > 0)
    damage(inner, path, value);
  else Object.assign(message, { [key]: value });
}

test('an engine process takes the requests of a gateway, and nothing else', () => {
  for (const kind of ['start', 'command', 'open-lane', 'cancel', 'cancel-all', 'cancel-load'])
    expect(isProcessRequest({ kind, lane: 0, command: { type: 'set-threads', threads: 1 } })).toBe(true);
  for (const message of [undefined, null, 'start', {}, { kind: 'event' }, { kind: 'command' }])
    expect(isProcessRequest(message)).toBe(false);
});
