import type { EngineCommand } from '../../dist/engine/protocol.js';

/**
 * How one thread that serves several models takes turns: `request`, one request after the other, first come first served;
 * `batch`, requests of one model together, as many as it has slots, then the next model's; `step`, a step of each model that has
 * requests, its requests batched continuously.
 */
export type TurnTaking = 'request' | 'batch' | 'step';

export type GenerateCommand = Extract<EngineCommand, { type: 'generate' }>;

/** The requests of all models, handed to their engines when it is their turn. Each has one choice. */
export class Turns {
  readonly #taking: TurnTaking;
  readonly #slots: number;
  readonly #queue: { readonly model: number; readonly command: GenerateCommand }[] = [];
  /** Whose turn it is, how many more requests may join it, and how many it has taken that have not ended. */
  #turn = { model: -1, open: 0, running: 0 };

  /** @param slots requests that a model works on at once */
  constructor(taking: TurnTaking, slots: number) {
    this.#taking = taking;
    this.#slots = slots;
  }

  add(model: number, command: GenerateCommand): void {
    this.#queue.push({ model, command });
  }

  /** There is a request to {@link take}. */
  ready(model: number): boolean {
    const waiting = this.#queue.some((entry) => entry.model === model);
    if (!waiting || this.#taking === 'step') return waiting;
    if (this.#turn.running === 0) return this.#queue[0]?.model === model;
    return this.#turn.model === model && this.#turn.open > 0;
  }

  /** The next request of a model whose turn it is. */
  take(model: number): GenerateCommand | undefined {
    if (!this.ready(model)) return undefined;
    if (this.#turn.running === 0) {
      this.#turn = { model, open: this.#taking === 'request' ? 1 : this.#slots, running: 0 };
    }
    this.#turn.open--;
    this.#turn.running++;
    const index = this.#queue.findIndex((entry) => entry.model === model);
    return this.#queue.splice(index, 1)[0]?.command;
  }

  /** A request that was taken has ended. */
  ended(): void {
    this.#turn.running--;
  }
}
