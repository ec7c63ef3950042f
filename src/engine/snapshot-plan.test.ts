import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { snapshotInterval, snapshotPositions } from './snapshot-plan.js';

const MiB = 2 ** 20;
const roomy = { snapshotBytes: MiB, roomBytes: 1024 * MiB };
const first = { held: 0, boundaries: [], common: 0 };

describe('the positions of a prompt that are worth a snapshot', () => {
  test('are its last boundary between blocks before its last token', () => {
    expect(snapshotPositions({ ...first, length: 300 }, roomy)).toEqual([256]);
    expect(snapshotPositions({ ...first, length: 257 }, roomy)).toEqual([256]);
    expect(snapshotPositions({ ...first, length: 256 }, roomy)).toEqual([192]);
    expect(snapshotPositions({ ...first, length: 64 }, roomy)).toEqual([]);
  });

  test('are the end of what stands before all questions too, the last boundary between blocks in it', () => {
    const prompt = { ...first, length: 1500, boundaries: [1000, 1490] };
    expect(snapshotPositions(prompt, roomy)).toEqual([960, 1472]);
  });

  test('are the end of what other prompts began with too', () => {
    expect(snapshotPositions({ ...first, length: 1500, common: 640 }, roomy)).toEqual([640, 1472]);
    const both = { ...first, length: 1500, boundaries: [512], common: 1024 };
    expect(snapshotPositions(both, roomy)).toEqual([512, 1024, 1472]);
    // A little behind another one is not worth it.
    expect(snapshotPositions({ ...both, common: 576 }, roomy)).toEqual([512, 1472]);
  });

  test('are none in what need not be computed', () => {
    const prompt = { length: 1500, boundaries: [512], common: 960 };
    expect(snapshotPositions({ ...prompt, held: 512 }, roomy)).toEqual([960, 1472]);
    expect(snapshotPositions({ ...prompt, held: 960 }, roomy)).toEqual([1472]);
    expect(snapshotPositions({ ...prompt, held: 1472 }, roomy)).toEqual([]);
  });

  test('are those of new messages that are far from others, the latest first', () => {
    const prompt = { ...first, length: 10_000, boundaries: [960, 1500, 4000, 6500, 9900] };
    expect(snapshotPositions(prompt, roomy)).toEqual([960, 3968, 6464, 9984]);
    const few = { snapshotBytes: MiB, roomBytes: 16 * MiB };
    expect(snapshotPositions(prompt, few)).toEqual([960, 6464, 9984]);
    expect(snapshotPositions({ ...prompt, held: 6464 }, roomy)).toEqual([9984]);
  });

  test('are fewer the fewer snapshots there is room for', () => {
    const prompt = { ...first, length: 5000, boundaries: [960, 3000], common: 2048 };
    const at = (snapshots: number) =>
      snapshotPositions(prompt, { snapshotBytes: 8 * MiB, roomBytes: snapshots * 8 * MiB });
    expect(at(100)).toHaveLength(3);
    expect(at(4)).toEqual([960, 2048, 4992]);
    expect(at(3)).toEqual([4992]);
    expect(at(0.9)).toEqual([]);
  });

  test('are at the end only where a snapshot takes more than it saves', () => {
    const large = { snapshotBytes: 200 * MiB, roomBytes: 10_000 * MiB };
    const prompt = { ...first, length: 1500, boundaries: [448] };
    expect(snapshotPositions(prompt, roomy)).toEqual([448, 1472]);
    expect(snapshotPositions(prompt, large)).toEqual([1472]);
    expect(snapshotPositions({ ...prompt, boundaries: [512] }, large)).toEqual([512, 1472]);
  });

  test('ascend, lie between blocks, beyond what is held and before the last token, and are five at most', () => {
    const tokens = fc.integer({ min: 0, max: 20_000 });
    fc.assert(
      fc.property(
        fc.record({
          length: fc.integer({ min: 1, max: 20_000 }),
          held: tokens,
          common: tokens,
          boundaries: fc.array(tokens).map((all) => all.toSorted((a, b) => a - b)),
        }),
        fc.record({ snapshotBytes: fc.nat(300 * MiB), roomBytes: fc.nat(4096 * MiB) }),
        (prompt, room) => {
          const positions = snapshotPositions(prompt, room);
          expect(positions).toEqual([...new Set(positions)].toSorted((a, b) => a - b));
          expect(positions.length).toBeLessThanOrEqual(5);
          for (const position of positions) {
            expect(position % 64).toBe(0);
            expect(position).toBeGreaterThan(prompt.held);
            expect(position).toBeLessThan(prompt.length);
          }
        },
      ),
    );
  });
});

test('large snapshots of one sequence are farther apart', () => {
  expect([0, MiB, 64 * MiB, 65 * MiB, 200 * MiB].map(snapshotInterval)).toEqual([1, 1, 1, 2, 4]);
});
