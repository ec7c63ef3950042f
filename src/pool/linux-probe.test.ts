import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { LinuxProbe } from './linux-probe.js';

const MiB = 2 ** 20;

describe.skipIf(process.platform !== 'linux')('the probe of Linux', () => {
  const probe = new LinuxProbe();

  it('sees what a process allocates, and that it is gone', async () => {
    const child = spawn(
      process.execPath,
      ['-e', `globalThis.kept = Buffer.alloc(${200 * MiB}, 1); console.log('ready'); process.stdin.resume()`],
      { stdio: ['pipe', 'pipe', 'ignore'] },
    );
    const pid = child.pid ?? 0;
    await once(child.stdout, 'data');
    const { residentBytes, anonymousBytes = 0 } = await probe.process(pid);
    expect(anonymousBytes).toBeGreaterThan(200 * MiB);
    expect(residentBytes).toBeGreaterThan(anonymousBytes);
    child.kill('SIGKILL');
    await once(child, 'close');
    expect(await probe.process(pid)).toEqual({ residentBytes: 0, anonymousBytes: 0 });
  });

  it('knows what is available', async () => {
    expect(await probe.available()).toBeGreaterThan(0);
  });
});
