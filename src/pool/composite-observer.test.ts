import { expect, it } from 'vitest';
import { CompositeObserver } from './composite-observer.js';
import type { PoolObserver } from './engine-pool.js';

type Everything = Required<PoolObserver>;

it('tells each observer of everything, in order, and leaves out what one does not want to hear', () => {
  const heard: string[] = [];
  const listener = (name: string): Everything => {
    const hear =
      (event: string) =>
      (...told: unknown[]): void => {
        heard.push([name, event, ...told.map(String)].join(' '));
      };
    return {
      created: hear('created'),
      leased: hear('leased'),
      changed: hear('changed'),
      progress: hear('progress'),
      lost: hear('lost'),
      settled: hear('settled'),
    };
  };
  const { created: _, leased: __, ...few } = listener('b');
  const both = new CompositeObserver(listener('a'), few, listener('c'));
  for (const event of ['created', 'leased', 'changed', 'progress', 'lost', 'settled'] as const) {
    heard.length = 0;
    (both[event] as (...told: unknown[]) => void)('x', 'y');
    const wanting = event === 'created' || event === 'leased' ? ['a', 'c'] : ['a', 'b', 'c'];
    expect(heard).toEqual(wanting.map((name) => `${name} ${event} x y`));
  }
});
