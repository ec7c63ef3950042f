import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AmdProbe } from './amd-probe.js';

let root: string;

beforeEach(() => (root = mkdtempSync(join(tmpdir(), 'heddle-drm-'))));
afterEach(() => rmSync(root, { recursive: true }));

function addCard(name: string, files: Record<string, string>): void {
  mkdirSync(join(root, name, 'device'), { recursive: true });
  for (const [file, text] of Object.entries(files)) writeFileSync(join(root, name, 'device', file), text);
}

describe('the probe of AMD', () => {
  it('reads what cards of its driver have, and no connectors', async () => {
    addCard('card1', { mem_info_vram_total: '17163091968\n', mem_info_vram_used: '26365952\n' });
    addCard('card0', { vendor: '0x8086\n' });
    addCard('card1-DP-1', { mem_info_vram_total: '5\n', mem_info_vram_used: '5\n' });
    writeFileSync(join(root, 'version'), 'drm 1.1.0 20060810\n');
    expect(await new AmdProbe(root).gpus()).toEqual([
      { id: 'card1', totalBytes: 17163091968, usedBytes: 26365952, processes: new Map() },
    ]);
  });

  it('sees none where the kernel lists no cards', async () => {
    expect(await new AmdProbe(root).gpus()).toEqual([]);
    expect(await new AmdProbe(join(root, 'missing')).gpus()).toEqual([]);
  });

  it('can not tell when a file makes no sense', async () => {
    addCard('card0', { mem_info_vram_total: 'much\n', mem_info_vram_used: '26365952\n' });
    await expect(new AmdProbe(root).gpus()).rejects.toThrow(/mem_info_vram_total/);
  });
});
