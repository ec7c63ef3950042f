import { basename } from 'node:path';
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { DiskHost } from '../prefix-cache/disk-host.js';
import { nodeFs, type DiskFs } from '../prefix-cache/disk-fs.js';
import type { DiskCommand } from '../prefix-cache/disk-messages.js';
import { DiskTier, type DiskTierOptions } from '../prefix-cache/disk-tier.js';
import { Random } from './random.js';

/*
 * A disk thread whose disk is slow, refuses calls and hangs, at random. The name of its directory says how: `slow-SEED`,
 * `failing-SEED`, `hanging-SEED` or any other for a good disk. Of `readonly-SEED`, `unreadable-SEED` and `full-SEED` it
 * always refuses what such a disk refuses. What it does to blocks is what the real one does.
 */

/** Calls that change something, and those that find something out. */
const changing = [
  'appendFileSync',
  'futimesSync',
  'linkSync',
  'mkdirSync',
  'renameSync',
  'rmSync',
  'unlinkSync',
  'utimesSync',
  'writeFileSync',
  'writeSync',
];
const reading = ['openSync', 'readFileSync', 'readdirSync', 'statSync'];

/** The code of the error that a call always ends with on such a disk. */
function refusal(how: string, name: string, [, flags]: readonly unknown[]): string | undefined {
  const opensToWrite = name === 'openSync' && flags === 'w';
  if (how === 'readonly' && (opensToWrite || changing.includes(name))) return 'EROFS';
  if (how === 'unreadable' && reading.includes(name)) return 'EACCES';
  return how === 'full' && name === 'writeSync' ? 'ENOSPC' : undefined;
}

/** How long a disk that hangs does so, milliseconds: more than the patience of those who use it, in tests. */
const hangMs = 40;

const sleeper = new Int32Array(new SharedArrayBuffer(4));
const sleep = (milliseconds: number): void => void Atomics.wait(sleeper, 0, 0, milliseconds);

function unreliableFs(how: string, random: Random): DiskFs {
  const before = (name: string): void => {
    if (how === 'slow' && random.chance(0.3)) sleep(random.below(4));
    if (how === 'hanging' && random.chance(0.02)) sleep(hangMs);
    if (how === 'failing' && random.chance(0.1))
      throw Object.assign(new Error(`EIO: ${name} was made to fail`), { code: 'EIO' });
  };
  return new Proxy(nodeFs, {
    get(target, name: keyof DiskFs) {
      const real = target[name] as (...args: unknown[]) => unknown;
      return (...args: unknown[]): unknown => {
        const code = refusal(how, name, args);
        if (code !== undefined) throw Object.assign(new Error(`${code}: ${name} was made to fail`), { code });
        before(name);
        return real(...args);
      };
    },
  });
}

async function main(port: NonNullable<typeof parentPort>, options: DiskTierOptions): Promise<void> {
  const [how = '', seed = '0'] = basename(options.directory).split('-');
  const tier = new DiskTier(options, { fs: unreliableFs(how, new Random(Number(seed))) });
  const inbox: DiskCommand[] = [];
  let wake: (() => void) | undefined;
  port.on('message', (command: DiskCommand) => {
    inbox.push(command);
    wake?.();
  });
  const host = new DiskHost(
    {
      receive: () => inbox.shift() ?? (receiveMessageOnPort(port)?.message as DiskCommand | undefined),
      async arrival() {
        if (inbox.length === 0) await new Promise<void>((resolve) => (wake = resolve));
        wake = undefined;
      },
      post: (event) => port.postMessage(event),
    },
    tier,
  );
  await host.run();
  port.close();
}

if (parentPort !== null) await main(parentPort, workerData as DiskTierOptions);
