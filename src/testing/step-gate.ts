/**
 * Stands before every step of an engine and lets through what a test allows. It is open until it is held. Steps are
 * counted from 1, over the gate's whole life.
 */
export class StepGate {
  /** Steps that may still pass; infinite while open. */
  #allowed = Infinity;
  #arrived = 0;
  #pass: (() => void) | undefined;
  readonly #waiting: { step: number; resolve: () => void }[] = [];

  /** The step that stands before the gate or has passed it last. */
  get step(): number {
    return this.#arrived;
  }

  /** No step passes from now on. */
  hold(): void {
    this.#allowed = 0;
  }

  /** Every step passes. */
  open(): void {
    this.release(Infinity);
  }

  /** Lets the next `count` steps pass, the one that stands before the gate included. */
  release(count = 1): void {
    this.#allowed += count;
    if (this.#pass === undefined || this.#allowed < 1) return;
    this.#allowed--;
    this.#pass();
    this.#pass = undefined;
  }

  /** Resolves when this step stands before the gate: what the steps before it did has been sent. */
  async reached(step: number): Promise<void> {
    if (this.#arrived >= step) return;
    await new Promise<void>((resolve) => this.#waiting.push({ step, resolve }));
  }

  /** The engine's side: resolves when the step may begin. */
  async pass(): Promise<void> {
    this.#arrived++;
    for (const { step, resolve } of this.#waiting) if (step === this.#arrived) resolve();
    if (this.#allowed >= 1) {
      this.#allowed--;
      return;
    }
    await new Promise<void>((resolve) => (this.#pass = resolve));
  }
}
