import { beforeEach, describe, expect, it } from 'vitest';
import type { EngineStateKind } from './engine-state.js';
import type { MemoryPressure } from './memory-pressure.js';
import type { Remainder } from './model-memory.js';
import { defaultPolicy } from './pool-policy.js';
import { defaultModelSettings } from './pool-settings.js';
import { PressureRelief, type ReliefPool } from './pressure-relief.js';

/** A model that leaves as far as a test says. */
class Model {
  readonly file;
  kind: EngineStateKind = 'ready';
  idle = true;
  loadedAt = 0;
  readonly memory = { remainders: new Set<Remainder>() };
  readonly lastUsed: number;

  constructor(id: string, lastUsed: number) {
    this.file = { id, path: `/${id}.gguf`, bytes: 1, modified: 0 };
    this.lastUsed = lastUsed;
  }

  get state(): ReliefPool['models'][number]['state'] {
    return { kind: this.kind, since: 0 } as ReliefPool['models'][number]['state'];
  }

  async unload(): Promise<void> {
    unloaded.push(this.file.id);
    this.kind = 'settling';
    return Promise.resolve();
  }
}

let unloaded: string[] = [];
let models: { cold: Model; hot: Model; pinned: Model };
let relief: PressureRelief;

beforeEach(() => {
  unloaded = [];
  models = { cold: new Model('cold', 2), hot: new Model('hot', 3), pinned: new Model('pinned', 1) };
  relief = new PressureRelief({
    models: [models.hot, models.pinned, models.cold],
    policy: { ...defaultPolicy, minimumResidency: 1000 },
    settingsOf: ({ file: { id } }) => ({ ...defaultModelSettings, pinned: id === 'pinned' }),
  });
});

/** @returns the models that were unloaded, in order */
function read(pressure: MemoryPressure, times: number): string[] {
  for (let reading = 0; reading < times; reading++) relief.react(pressure, false);
  return unloaded;
}

describe('soft pressure', () => {
  it('that passes by itself unloads nothing', () => {
    read('soft', 2);
    read('none', 1);
    expect(read('soft', 2)).toEqual([]);
  });

  it('that lasts for three readings unloads the idle engine used longest ago', () => {
    expect(read('soft', 2)).toEqual([]);
    expect(read('soft', 1)).toEqual(['cold']);
  });

  it('unloads the next one only when the memory of the one before was settled, and it still lasts', () => {
    read('soft', 3);
    expect(read('soft', 10)).toEqual(['cold']);
    models.cold.kind = 'unloaded';
    const remainder: Remainder = { bytes: 1, state: 'releasing' };
    models.cold.memory.remainders.add(remainder);
    expect(read('soft', 10)).toEqual(['cold']);
    remainder.state = 'leaked';
    expect(read('soft', 1)).toEqual(['cold', 'hot']);
    models.hot.kind = 'unloaded';
    expect(read('soft', 10)).toEqual(['cold', 'hot']);
  });

  it('leaves engines that are in use, or were loaded only just now', () => {
    models.cold.idle = false;
    models.hot.loadedAt = Date.now() - 500;
    expect(read('soft', 10)).toEqual([]);
    models.hot.loadedAt = Date.now() - 1001;
    expect(read('soft', 1)).toEqual(['hot']);
  });
});

describe('hard pressure', () => {
  it('unloads the idle engine used longest ago at once, and one at a time', () => {
    models.cold.loadedAt = Date.now();
    expect(read('hard', 1)).toEqual(['cold']);
    for (const kind of ['draining', 'unloading', 'settling'] as const) {
      models.cold.kind = kind;
      expect(read('hard', 2)).toEqual(['cold']);
    }
    models.cold.kind = 'unloaded';
    expect(read('hard', 1)).toEqual(['cold', 'hot']);
  });

  it('read while an engine was leaving says nothing', () => {
    relief.react('hard', true);
    expect(unloaded).toEqual([]);
  });

  it('unloads an engine in use after three readings that found none idle', () => {
    models.cold.idle = models.hot.idle = false;
    expect(read('hard', 3)).toEqual([]);
    expect(read('hard', 1)).toEqual(['cold']);
  });

  it('cuts a drain short that goes on for more than three readings', () => {
    models.hot.kind = 'draining';
    expect(read('hard', 3)).toEqual([]);
    expect(read('hard', 1)).toEqual(['hot']);
  });
});
