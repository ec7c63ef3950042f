/*
 * Blocks through the prefix store against plain files, in turn: MB/s to the disk thread and back, and what saving a
 * block takes of the engine's thread. Files are in the system's memory on both sides (`fsync` is off, and what was just
 * written is read), so this is the cost of the program, and not that of the disk.
 */
import { closeSync, mkdirSync, mkdtempSync, openSync, readSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BlockChain, fingerprintOf, type BlockKey } from '../../dist/prefix-cache/block-id.js';
import { PrefixStore } from '../../dist/prefix-cache/prefix-store.js';
import { defaultDiskSettings } from '../../dist/prefix-cache/store-settings.js';
import { median, percentile, spread } from './statistics.js';

const rounds = Number(process.env['ROUNDS'] ?? 7);
const total = Number(process.env['MEGABYTES'] ?? 128) * 2 ** 20;
/** Blocks that are loaded at once. */
const part = 8;
const fingerprint = fingerprintOf({ model: 'bench' });

interface Speeds {
  readonly write: number;
  readonly read: number;
}

const megabytesPerSecond = (milliseconds: number): number => total / 1e6 / (milliseconds / 1000);

function keysOf(count: number): readonly BlockKey[] {
  const chain = new BlockChain(fingerprint);
  chain.append(Int32Array.from({ length: 64 * count }, (_, i) => i));
  return chain.keys;
}

function plainFiles(folder: string, source: Uint8Array): Speeds {
  const paths = keysOf(total / source.length).map(({ id }) => join(folder, id));
  mkdirSync(folder);
  let started = performance.now();
  for (const path of paths) writeFileSync(path, source);
  const write = megabytesPerSecond(performance.now() - started);
  const target = new Uint8Array(source.length);
  started = performance.now();
  for (const path of paths) {
    const file = openSync(path, 'r');
    readSync(file, target, 0, target.length, 0);
    closeSync(file);
  }
  return { write, read: megabytesPerSecond(performance.now() - started) };
}

/** Also: microseconds of the caller's thread for each block, copying apart, and MB/s from RAM. */
async function throughStore(
  directory: string,
  source: Uint8Array,
): Promise<Speeds & { saves: number[]; host: number }> {
  const keys = keysOf(total / source.length);
  const disk = { ...defaultDiskSettings(directory), freeFloor: 0, queueBytes: 2 * total };
  const open = (hostBytes: number): PrefixStore =>
    new PrefixStore({ fingerprint, hostBytes, spareBytes: part * source.length, disk });
  const first = open(2 * total);
  await first.stats();
  const saves: number[] = [];
  let started = performance.now();
  for (const key of keys) {
    const before = performance.now();
    const payload = first.allocate(source.length);
    const allocated = performance.now();
    payload.bytes.set(source);
    const copied = performance.now();
    first.save(key, payload);
    payload.release();
    saves.push((performance.now() - copied + allocated - before) * 1000);
  }
  await first.flush(600_000);
  const write = megabytesPerSecond(performance.now() - started);
  const host = await restore(first, keys);
  await first.close(60_000);
  const second = open(0);
  await second.stats();
  const read = await restore(second, keys);
  await second.close(60_000);
  return { write, read, saves, host };
}

async function restore(store: PrefixStore, keys: readonly BlockKey[]): Promise<number> {
  const started = performance.now();
  for (let at = 0; at < keys.length; at += part) {
    const payloads = await store.load(keys.slice(at, at + part));
    if (payloads.length < Math.min(part, keys.length - at)) throw new Error('a block is missing');
    for (const payload of payloads) payload.release();
  }
  return megabytesPerSecond(performance.now() - started);
}

console.log(
  `blocks of ${total / 2 ** 20} MiB in all: median (least to greatest) of ${rounds} rounds, MB/s; with the store, every byte is hashed`,
);
for (const size of [64 * 1024, 2 ** 20, 8 * 2 ** 20]) {
  const source = new Uint8Array(size).map((_, i) => (i * 31) ^ (i >> 8));
  const results: Record<string, number[]> = {
    'plain write': [],
    'store write': [],
    'plain read': [],
    'store read': [],
    'from RAM': [],
  };
  const saves: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const folder = mkdtempSync(join(tmpdir(), 'heddle-bench-'));
    try {
      const plain = plainFiles(join(folder, 'plain'), source);
      const store = await throughStore(join(folder, 'store'), source);
      results['plain write']?.push(plain.write);
      results['plain read']?.push(plain.read);
      results['store write']?.push(store.write);
      results['store read']?.push(store.read);
      results['from RAM']?.push(store.host);
      saves.push(...store.saves);
    } finally {
      rmSync(folder, { recursive: true });
    }
  }
  console.log(`\n${size / 1024} KiB`);
  for (const [name, values] of Object.entries(results)) console.log(`  ${name}: ${spread(values, 0)}`);
  console.log(
    `  engine thread, a save without its copy: median ${median(saves).toFixed(0)} us, p99 ${percentile(saves, 0.99).toFixed(0)} us`,
  );
}
