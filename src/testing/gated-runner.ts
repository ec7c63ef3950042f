import { closeSync, existsSync, openSync, writeSync } from 'node:fs';
import type { OpenRunner } from '../core/model-runner.js';
import { encodeMessage } from '../engine/message-frame.js';
import { noticePipe, requestPipe } from '../engine/process-messages.js';
import { openRunner as openRealRunner } from '../native/llama-runner.js';
import { stand } from './gate.js';

/*
 * A `RunnerModule`: the real library, which stands still where a test has set up a `Gate`, half-way through the load of
 * a model or before its teardown, and which can lose or spoil the channel between its process and the gateway.
 */

export { predictMemory } from '../native/llama-runner.js';

export const loadGate = (modelPath: string): string => `${modelPath}.load-gate`;
/** While this file is there, a load that came past the gate ends only by being cancelled. */
export const endlessLoad = (modelPath: string): string => `${modelPath}.endless-load`;
export const teardownGate = (modelPath: string): string => `${modelPath}.teardown-gate`;

/** Tokenizing this text cuts the channel of the engine's process in the middle of a message. */
export const cutText = 'cut the channel';
/** Tokenizing this text leaves the engine's process without the pipe that requests come through. */
export const deafText = 'hear no more';

/** Tokenizing one of these texts makes the engine's process say, to the gateway, what an intact one never does. */
export const garbage: Readonly<Record<string, Buffer>> = {
  'bytes that are no message': Buffer.from('free(): invalid pointer\n'),
  'a message without end': header(2 ** 32 - 1),
  'a message that can not be read': Buffer.concat([header(64), Buffer.alloc(64, 0xee)]),
  'a message of another kind': encodeMessage({ kind: 'event', event: { type: 'step', updates: [null] } }),
};

export const openRunner: OpenRunner = async (options, host) => {
  const runner = await openRealRunner(options, {
    ...host,
    onProgress: (fraction) => {
      if (fraction < 0.5 || fraction === 1) return host.onProgress(fraction);
      stand(loadGate(options.modelPath));
      while (existsSync(endlessLoad(options.modelPath)) && host.onProgress(fraction)) nap();
      return host.onProgress(fraction);
    },
  });
  const dispose = runner.dispose.bind(runner);
  runner.dispose = () => {
    stand(teardownGate(options.modelPath));
    dispose();
  };
  const tokenize = runner.tokenize.bind(runner);
  runner.tokenize = (text, how) => {
    if (text === cutText) cutChannel();
    if (text === deafText) cut(requestPipe);
    const spoilt = garbage[text];
    if (spoilt !== undefined) writeSync(noticePipe, spoilt);
    return tokenize(text, how);
  };
  return runner;
};

/** Keeps a thread that asks again and again from taking a core. */
function nap(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
}

/** The beginning of a message whose body has so many bytes. */
function header(length: number): Buffer {
  const frame = encodeMessage(undefined).subarray(0, 8);
  frame.writeUInt32LE(length, 4);
  return frame;
}

/** Leaves the gateway with the beginning of a message of 16 MiB, and with a channel that has ended. */
function cutChannel(): void {
  writeSync(noticePipe, Buffer.concat([header(16 * 1024 * 1024), Buffer.alloc(64 * 1024)]));
  cut(requestPipe);
  cut(noticePipe);
}

/** The process does not notice: what it writes to the pipe from here on goes nowhere, and nothing comes from it. */
function cut(pipe: number): void {
  closeSync(pipe);
  const nowhere = openSync('/dev/null', 'r+');
  if (nowhere !== pipe) throw new Error('The channel is not where it was expected.');
}
