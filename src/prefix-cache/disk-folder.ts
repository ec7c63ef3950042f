import { join } from 'node:path';
import type { BlockId } from './block-id.js';
import { systemCode, type DiskFs } from './disk-fs.js';

const blockName = /^[0-9a-f]{64}\.kv$/;
const shardName = /^[0-9a-f]{2}$/;
const fingerprintName = /^[0-9a-f]{64}$/;

/** A block's file, as a scan meets it. */
export interface FoundBlock {
  readonly id: BlockId;
  readonly fingerprint: string;
  readonly bytes: number;
  /** When it was last used, milliseconds since 1970. */
  readonly usedAt: number;
}

/** Names of things in a cache directory. The layout is that of block file version 1. */
export class DiskFolder {
  readonly root: string;
  /** Files that are being written, claims and owners. */
  readonly work: string;
  readonly bad: string;
  readonly budget: string;
  readonly #blocks: string;
  readonly #fs: DiskFs;
  /** Shards that were seen to be there. */
  readonly #made = new Set<string>();

  constructor(directory: string, fs: DiskFs) {
    this.root = join(directory, 'v1');
    this.work = join(this.root, 'work');
    this.bad = join(this.root, 'bad');
    this.budget = join(this.root, 'budget');
    this.#blocks = join(this.root, 'blocks');
    this.#fs = fs;
  }

  /** Makes what is missing; readable for its owner only, since states tell what was in a prompt. */
  make(): void {
    this.#made.clear();
    for (const path of [this.#blocks, this.work, this.bad, this.budget])
      this.#fs.mkdirSync(path, { recursive: true, mode: 0o700 });
  }

  blockPath(fingerprint: string, id: BlockId): string {
    return join(this.#shard(fingerprint, id), `${id}.kv`);
  }

  makeShard(fingerprint: string, id: BlockId): void {
    const shard = this.#shard(fingerprint, id);
    if (this.#made.has(shard)) return;
    this.#fs.mkdirSync(shard, { recursive: true, mode: 0o700 });
    this.#made.add(shard);
  }

  /**
   * All block files, those of other fingerprints included; `undefined` for each thing that is not ours.
   * @param onError told of what can not be read, which is left out
   */
  *scan(onError: (error: unknown) => void): Generator<FoundBlock | undefined> {
    for (const fingerprint of this.#list(this.#blocks, onError) ?? []) {
      if (!fingerprintName.test(fingerprint)) yield undefined;
      else yield* this.scanFingerprint(fingerprint, onError);
    }
  }

  /** The block files of one fingerprint, as {@link scan}. */
  *scanFingerprint(
    fingerprint: string,
    onError: (error: unknown) => void,
  ): Generator<FoundBlock | undefined> {
    const folder = join(this.#blocks, fingerprint);
    const shards = this.#list(folder, onError);
    if (shards === undefined) yield undefined;
    for (const shard of shards ?? []) {
      const names = shardName.test(shard) ? this.#list(join(folder, shard), onError) : undefined;
      if (names === undefined) yield undefined;
      for (const name of names ?? []) {
        const found = this.#stat(join(folder, shard, name), name, fingerprint, onError);
        if (found !== 'gone') yield found;
      }
    }
  }

  #stat(
    path: string,
    name: string,
    fingerprint: string,
    onError: (error: unknown) => void,
  ): FoundBlock | 'gone' | undefined {
    if (!blockName.test(name)) return undefined;
    try {
      const stat = this.#fs.statSync(path);
      if (!stat.isFile()) return undefined;
      return { id: name.slice(0, 64), fingerprint, bytes: stat.size, usedAt: stat.mtimeMs };
    } catch (error) {
      if (systemCode(error) !== 'ENOENT') onError(error);
      return 'gone';
    }
  }

  /** Undefined for what is no directory. */
  #list(path: string, onError: (error: unknown) => void): string[] | undefined {
    try {
      return this.#fs.readdirSync(path);
    } catch (error) {
      const code = systemCode(error);
      if (code === 'ENOTDIR') return undefined;
      if (code !== 'ENOENT') onError(error);
      return [];
    }
  }

  #shard(fingerprint: string, id: BlockId): string {
    return join(this.#blocks, fingerprint, id.slice(0, 2));
  }
}
