import { join } from 'node:path';
import type { BlockId } from './block-id.js';
import type { DiskFolder } from './disk-folder.js';
import { systemCode, type DiskFs } from './disk-fs.js';
import { livenessOf, ownerName, parseOwner, type DiskOwner, type Liveness } from './disk-owner.js';

/** Leftovers of a machine that can not be asked are those of a dead process after so long, milliseconds. */
const unknownLimit = 60 * 60 * 1000;

/**
 * Who writes which block. Each process has an owner file; a claim is a hard link to it with the block's name, so that
 * it is made in one step, only once, and tells its owner. Where a file system has no hard links nothing is claimed, and
 * two processes may write the same block, one over the other.
 */
export class DiskClaims {
  readonly #folder: DiskFolder;
  readonly #fs: DiskFs;
  readonly #now: () => number;
  readonly #name: string;
  readonly #liveness: (owner: DiskOwner) => Liveness;

  constructor(
    folder: DiskFolder,
    owner: DiskOwner,
    options: { fs: DiskFs; now: () => number; liveness?: ((owner: DiskOwner) => Liveness) | undefined },
  ) {
    this.#folder = folder;
    this.#fs = options.fs;
    this.#now = options.now;
    this.#name = ownerName(owner);
    this.#liveness = options.liveness ?? livenessOf;
  }

  /** Says that this process uses the directory, and still does. @throws system errors */
  register(): void {
    this.#fs.writeFileSync(this.#ownerPath(), this.#name, { mode: 0o600 });
  }

  unregister(): void {
    this.#fs.rmSync(this.#ownerPath(), { force: true });
  }

  /** Where this process writes a block before it has its name. */
  partPath(id: BlockId): string {
    return join(this.#folder.work, `${id}.${this.#name}.part`);
  }

  /** @returns false while a living process writes the block. @throws system errors */
  claim(id: BlockId): boolean {
    for (let attempt = 0; ; attempt++) {
      try {
        this.#fs.linkSync(this.#ownerPath(), this.#claimPath(id));
        return true;
      } catch (error) {
        const code = systemCode(error);
        if (['EPERM', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP', 'EMLINK'].includes(code)) return true;
        if (attempt > 0 && code === 'EEXIST') return false;
        if (attempt > 0 || (code !== 'EEXIST' && code !== 'ENOENT')) throw error;
        if (code === 'ENOENT') this.register();
        else if (this.#claimant(id) === this.#name)
          return true; // it could not be released
        else if (this.#isDead(this.#claimant(id), this.#claimPath(id))) this.#remove(this.#claimPath(id));
        else return false;
      }
    }
  }

  release(id: BlockId): void {
    this.#remove(this.#claimPath(id));
  }

  /** Removes what dead processes have left. @returns files removed. @throws system errors */
  clean(): number {
    let removed = 0;
    for (const name of this.#fs.readdirSync(this.#folder.work)) {
      const path = join(this.#folder.work, name);
      const owner = this.#ownerOf(name);
      if (owner === this.#name || !this.#isDead(owner, path)) continue;
      this.#remove(path);
      removed++;
    }
    return removed;
  }

  /** Processes that use the directory, this one included. @throws system errors */
  processes(): number {
    const others = this.#fs.readdirSync(this.#folder.work).filter((name) => {
      if (!name.endsWith('.owner')) return false;
      const owner = this.#ownerOf(name);
      if (owner === undefined || owner === this.#name) return false;
      return !this.#isDead(owner, join(this.#folder.work, name));
    });
    return others.length + 1;
  }

  /** The owner's name in that of a file; undefined for foreign files, empty when nobody can tell. */
  #ownerOf(name: string): string | undefined {
    if (name.endsWith('.owner')) {
      const owner = name.slice(0, -'.owner'.length);
      return parseOwner(owner) === undefined ? undefined : owner;
    }
    const [id = '', owner, kind] = name.split('.');
    if (!/^[0-9a-f]{64}$/.test(id)) return undefined;
    if (kind === 'part') return owner;
    return owner === 'claim' && kind === undefined ? this.#claimant(id) : undefined;
  }

  #claimant(id: BlockId): string {
    try {
      return this.#fs.readFileSync(this.#claimPath(id), 'utf8');
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return '';
      throw error;
    }
  }

  #isDead(name: string | undefined, path: string): boolean {
    if (name === undefined) return false;
    const owner = parseOwner(name);
    const liveness = owner === undefined ? 'unknown' : this.#liveness(owner);
    if (liveness !== 'unknown') return liveness === 'dead';
    try {
      return this.#now() - this.#fs.statSync(path).mtimeMs > unknownLimit;
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return false;
      throw error;
    }
  }

  #remove(path: string): void {
    this.#fs.rmSync(path, { force: true });
  }

  #ownerPath(): string {
    return join(this.#folder.work, `${this.#name}.owner`);
  }

  #claimPath(id: BlockId): string {
    return join(this.#folder.work, `${id}.claim`);
  }
}
