import { describe, expect, it } from 'vitest';
import { GrammarMemory, type Forgetful } from './grammar-memory.js';

class Keeper implements Forgetful {
  keptBytes = 0;
  readonly #memory: GrammarMemory;

  constructor(memory: GrammarMemory) {
    this.#memory = memory;
    memory.join(this);
  }

  keep(bytes: number): void {
    this.keptBytes += bytes;
    this.#memory.grow(bytes);
  }

  forget(): void {
    this.keptBytes = 0;
  }
}

describe('GrammarMemory', () => {
  it('has the one that keeps the most forget first, and only when it is too much', () => {
    const memory = new GrammarMemory(100);
    const [small, large, other] = [new Keeper(memory), new Keeper(memory), new Keeper(memory)];
    small.keep(20);
    large.keep(60);
    other.keep(20);
    expect([small, large, other].map(({ keptBytes }) => keptBytes)).toEqual([20, 60, 20]);
    other.keep(1);
    expect([small, large, other].map(({ keptBytes }) => keptBytes)).toEqual([20, 0, 21]);
    expect(memory.bytes).toBe(41);
  });

  it('has the one that grows forget too when nothing else is enough', () => {
    const memory = new GrammarMemory(100);
    const keeper = new Keeper(memory);
    keeper.keep(101);
    expect([keeper.keptBytes, memory.bytes]).toEqual([0, 0]);
  });

  it('goes on counting after one of them has forgotten by itself', () => {
    const memory = new GrammarMemory(100);
    const keeper = new Keeper(memory);
    keeper.keep(70);
    memory.shrink(keeper.keptBytes);
    keeper.forget();
    keeper.keep(80);
    expect([keeper.keptBytes, memory.bytes]).toEqual([80, 80]);
  });
});
