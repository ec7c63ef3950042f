import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { resolve } from 'node:path';
import { PassThrough } from 'node:stream';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { encodeMessage } from './message-frame.js';
import { PipeChannel, type ChannelListener } from './pipe-channel.js';

const limit = 1024 * 1024;
const isNumber = (message: unknown): message is number => typeof message === 'number';

/** A channel for numbers that notes what it tells. */
function open(
  parts: Partial<ChannelListener<number>> = {},
  pipes = { input: new PassThrough(), output: new PassThrough() },
) {
  const told: unknown[] = [];
  const channel = new PipeChannel<number, unknown>(
    pipes,
    { limit, isMessage: isNumber },
    {
      onMessage: (message) => told.push(message),
      onEnd: () => told.push('end'),
      onUnreadable: (reason) => told.push(reason),
      ...parts,
    },
  );
  return { channel, told, ...pipes };
}

const turn = async (): Promise<void> => new Promise((wake) => setImmediate(wake));

test('a channel delivers messages in order, then its end, once', async () => {
  const { told, input, output } = open();
  for (const message of [1, 2, 3]) input.write(encodeMessage(message));
  input.end();
  output.destroy();
  await once(input, 'close');
  await turn();
  await turn();
  expect(told).toEqual([1, 2, 3, 'end']);
});

test('two channels end to end carry messages both ways', async () => {
  const [there, back] = [new PassThrough(), new PassThrough()];
  const one = open({}, { input: back, output: there });
  const two = open({ onMessage: (message) => two.channel.send(message + 1) }, { input: there, output: back });
  for (const message of [1, 2, 3]) one.channel.send(message);
  one.channel.end();
  two.channel.end();
  await Promise.all([once(there, 'close'), once(back, 'close')]);
  expect(one.told.slice(0, 3)).toEqual([2, 3, 4]);
});

test.each([
  ['garbage', Buffer.alloc(20), 'no message begins where one should'],
  ['a message of no known kind', encodeMessage('one'), 'a message of no known kind'],
  ['a message over the limit', encodeMessage('x'.repeat(limit)), /over the limit/],
])('%s is told once, and nothing after it', async (_, bytes, reason) => {
  const { told, input } = open();
  input.write(Buffer.concat([encodeMessage(1), bytes, encodeMessage(2), bytes]));
  await once(input, 'close');
  expect(told).toEqual([1, expect.stringMatching(reason)]);
});

test('what a listener throws is uncaught, as ever, and takes no message from others', async () => {
  const told: number[] = [];
  const failure = new Error('of the listener');
  const onMessage = (message: number): void => {
    if (message === 2) throw failure;
    told.push(message);
  };
  const refused: string[] = [];
  const { input } = open({ onMessage, onUnreadable: (reason) => refused.push(reason) });
  const others = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException');
  const uncaught = once(process, 'uncaughtException');
  try {
    input.write(Buffer.concat([1, 2, 3].map(encodeMessage)));
    expect((await uncaught)[0]).toBe(failure);
  } finally {
    for (const other of others) process.on('uncaughtException', other);
  }
  input.write(encodeMessage(4));
  await turn();
  expect(told).toEqual([1, 3, 4]);
  expect(refused).toEqual([]);
});

test('a channel whose other side has gone takes messages, and loses them', async () => {
  const { channel, told, output } = open();
  const closed = new Promise((resolved) => output.once('close', resolved));
  output.destroy(new Error('EPIPE'));
  await closed;
  channel.send(1);
  await turn();
  await turn();
  channel.send(2);
  expect(told).toEqual(['end']);
});

test.runIf(process.platform === 'linux')(
  'all that a process wrote before it died arrives, whatever is sent to it meanwhile',
  async () => {
    const frames = pathToFileURL(resolve('dist/engine/message-frame.js')).href;
    const code = `
      import { writeSync } from 'node:fs';
      import { encodeMessage } from '${frames}';
      const messages = Array.from({ length: 300 }, (_, message) => message);
      writeSync(4, Buffer.concat(messages.map(encodeMessage)));
      process.kill(process.pid, 'SIGKILL');`;
    const child = spawn(process.execPath, ['--input-type=module', '--eval', code], {
      stdio: ['ignore', 'ignore', 'inherit', 'overlapped', 'overlapped'],
    });
    const [output, input] = [child.stdio[3] as Socket, child.stdio[4] as Socket];
    const told: unknown[] = [];
    const channel = new PipeChannel<number, unknown>(
      { input, output },
      { limit, isMessage: isNumber },
      {
        onMessage: (message) => told.push(message),
        onEnd() {},
        onUnreadable: (reason) => told.push(reason),
      },
    );
    const closed = once(child, 'close');
    // Nothing of it was read yet when the first write fails.
    while (!/^State:\tZ/m.test(readFileSync(`/proc/${child.pid}/status`, 'utf8')));
    for (let message = 0; message < 10; message++) channel.send({ message });
    await closed;
    expect(told).toEqual(Array.from({ length: 300 }, (_, index) => index));
  },
);
