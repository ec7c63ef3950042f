import { expect, it } from 'vitest';
import { CompositeObserver } from './composite-observer.js';
import type { PoolObserver } from './engine-pool.js';

type Everything = Required<PoolObserver>;

it('tells each observer of everything, in order, and leaves out what one does not want to hear', () => {
  const heard: string[] = [];
  const listener = (name: string): Everything => ({
    created: (...told) => heard.push(`${name} created ${told.join(' ')}`),
    leased: (...told) => heard.push(`${name} leased ${told.join(' ')}`),
    changed: (...told) => heard.push(`${name} changed ${told.join(' ')}`),
    progress: (...told) => heard.push(`${name} progress ${told.join(' ')}`),
    lost: (...told) => heard.push(`${name} lost ${told.join(' ')}`),
    settled: (...told) => heard.push(`${name} settled ${told.join(' ')}`),
  });
  const { created: _, leased: __, ...few } = listener('b');
  const both = new CompositeObserver(listener('a'), few, listener('c'));
  for (const event of ['created', 'leased', 'changed', 'progress', 'lost', 'settled'] as const) {
    heard.length = 0;
    (both[event] as (...told: unknown[]) => void)('x', 'y');
    const wanting = event === 'created' || event === 'leased' ? ['a', 'c'] : ['a', 'b', 'c'];
    expect(heard).toEqual(wanting.map((name) => `${name} ${event} x y`));
  }
});
