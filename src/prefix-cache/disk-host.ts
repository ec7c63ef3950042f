import type { DiskCall, DiskCommand, DiskEvent, SharedBytes } from './disk-messages.js';
import type { VerifyReport } from './disk-stats.js';
import type { DiskTier } from './disk-tier.js';
import { capacityFor } from './payload.js';

/** The thread's end of the connection to a disk store. */
export interface DiskPort {
  /** The next command that has arrived; undefined when there is none. Never waits. */
  receive(): DiskCommand | undefined;
  /** Waits for a command to arrive. */
  arrival(): Promise<void>;
  post(event: DiskEvent): void;
}

/** Files that a scan looks at between two looks at the inbox. */
const scanSlice = 32;

type WriteCommand = Extract<DiskCommand, { type: 'write' }>;
type ReadCall = Extract<DiskCall, { type: 'read' }>;

/** A read on its way: a block at a time, so that a short call need not wait for a long chain. */
interface Reading {
  readonly command: ReadCall;
  readonly spares: SharedArrayBuffer[];
  next: number;
}

/**
 * What the disk thread does, in this order: questions, reads, and, while there are none of those, verification, the
 * scan of the directory, and blocks to be written. Reads therefore do not wait for the scan at the start.
 */
export class DiskHost {
  readonly #port: DiskPort;
  readonly #tier: DiskTier;
  readonly #reads: Reading[] = [];
  readonly #writes: WriteCommand[] = [];
  #verification: { readonly steps: Generator<void, VerifyReport>; readonly calls: number[] } | undefined;
  #closing = false;

  constructor(port: DiskPort, tier: DiskTier) {
    this.#port = port;
    this.#tier = tier;
  }

  /** Resolves after `close`. Blocks that are still to be written are not. */
  async run(): Promise<void> {
    for (;;) {
      for (let command = this.#port.receive(); command !== undefined; command = this.#port.receive())
        this.#take(command);
      if (this.#closing) break;
      if (!this.#doSome()) await this.#port.arrival();
    }
    this.#tier.close();
  }

  #take(command: DiskCommand): void {
    switch (command.type) {
      case 'write':
        this.#writes.push(command);
        return;
      case 'touch':
        this.#tier.touch(command.ids);
        return;
      case 'close':
        this.#closing = true;
        return;
      case 'read':
        this.#reads.push({ command, spares: [...command.spares], next: 0 });
        return;
      case 'leading':
        this.#port.post({ type: 'done', call: command.call, value: this.#tier.leading(command.ids) });
        return;
      case 'last':
        this.#port.post({ type: 'done', call: command.call, value: this.#tier.last(command.ids) });
        return;
      case 'stats':
        this.#port.post({ type: 'done', call: command.call, value: this.#tier.stats() });
        return;
      case 'clear':
        for (const { key } of this.#writes.splice(0))
          this.#port.post({ type: 'written', id: key.id, outcome: 'cleared' });
        this.#port.post({ type: 'done', call: command.call, value: this.#tier.clear() });
        return;
      case 'verify':
        this.#verification ??= { steps: this.#tier.verify(), calls: [] };
        this.#verification.calls.push(command.call);
        return;
    }
  }

  /** Does a little of what there is to do. @returns false when there is nothing */
  #doSome(): boolean {
    if (this.#readOne()) return true;
    const verified = this.#verifyOne();
    if (this.#tier.scanning) this.#tier.scanSome(scanSlice);
    else if (!this.#writeOne()) return verified;
    return true;
  }

  #readOne(): boolean {
    const [reading] = this.#reads;
    if (reading === undefined) return false;
    const { command, spares } = reading;
    const id = command.ids[reading.next];
    const payload = id === undefined ? undefined : this.#tier.read(id, (bytes) => memoryFor(bytes, spares));
    if (payload === undefined) {
      this.#reads.shift();
      this.#port.post({ type: 'done', call: command.call, value: spares });
      return true;
    }
    const used = spares.indexOf(payload.buffer);
    if (used >= 0) spares.splice(used, 1);
    reading.next++;
    this.#port.post({ type: 'block', call: command.call, payload });
    return true;
  }

  #writeOne(): boolean {
    const [command] = this.#writes;
    if (command === undefined) return false;
    if (this.#tier.mustScan(command.payload.length)) return true;
    this.#writes.shift();
    const { key, payload } = command;
    this.#port.post({ type: 'written', id: key.id, outcome: this.#tier.write(key, payload) });
    return true;
  }

  #verifyOne(): boolean {
    if (this.#verification === undefined) return false;
    const { steps, calls } = this.#verification;
    const { done, value } = steps.next();
    if (done !== true) {
      this.#port.post({ type: 'alive' });
      return true;
    }
    this.#verification = undefined;
    for (const call of calls) this.#port.post({ type: 'done', call, value });
    return true;
  }
}

function memoryFor(bytes: number, spares: readonly SharedArrayBuffer[]): SharedBytes {
  const capacity = capacityFor(bytes);
  const spare = spares.find(({ byteLength }) => byteLength === capacity);
  return new Uint8Array(spare ?? new SharedArrayBuffer(capacity), 0, bytes);
}
