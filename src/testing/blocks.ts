import { hash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BlockChain, fingerprintOf, type BlockKey } from '../prefix-cache/block-id.js';
import { nodeFs, type DiskFs } from '../prefix-cache/disk-fs.js';

/** Of a model that does not exist. */
export const testFingerprint = fingerprintOf({ model: 'test' });

/** Keys of a prompt of so many full blocks. Prompts of different seeds have no block in common. */
export function chainOf(blocks: number, seed = 0, fingerprint = testFingerprint): readonly BlockKey[] {
  const chain = new BlockChain(fingerprint);
  chain.append(Int32Array.from({ length: blocks * 64 }, (_, i) => i ^ (seed << 16)));
  return chain.keys;
}

/** The one content that a block of a test may have: whoever reads another has a wrong payload. */
export function contentOf(id: string, bytes: number): Buffer {
  const unit = hash('sha256', id, 'buffer') as unknown as Buffer;
  const content = Buffer.alloc(bytes);
  for (let at = 0; at < bytes; at += unit.length) unit.copy(content, at);
  return content;
}

/** A directory that is removed with everything in it when the test is over. */
export class TemporaryFolder {
  readonly path = mkdtempSync(join(tmpdir(), 'heddle-blocks-'));

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** The real file system, but for the calls that are to fail. @param fails the code of the error, if any */
export function faultyFs(
  fails: (operation: keyof DiskFs, args: readonly unknown[]) => string | undefined,
): DiskFs {
  return new Proxy(nodeFs, {
    get(target, name: keyof DiskFs) {
      const real = target[name] as (...args: unknown[]) => unknown;
      return (...args: unknown[]): unknown => {
        const code = fails(name, args);
        if (code !== undefined) throw Object.assign(new Error(`${code}: ${name} was made to fail`), { code });
        return real(...args);
      };
    },
  });
}
