import type { Readable, Writable } from 'node:stream';
import { encodeMessage, FrameReader } from './message-frame.js';

/** What comes out of a channel. */
export interface ChannelListener<Received> {
  onMessage(message: Received): void;
  /** The other side has closed one of its pipes, or has gone. Told once; messages on their way may still follow. */
  onEnd(): void;
  /** What came is no message. Told once; nothing after it is read. */
  onUnreadable(reason: string): void;
}

/**
 * Messages over two pipes, in order. Node's own channel between processes throws where nobody can catch it when what
 * arrives can not be read; here it is an event of this one channel. Two pipes, since a write that fails closes a socket
 * with all that it still had to read.
 */
export class PipeChannel<Received, Sent> {
  readonly #output: Writable;
  readonly #input: Readable;
  readonly #listener: ChannelListener<Received>;
  readonly #isMessage: (message: unknown) => message is Received;
  readonly #reader: FrameReader;
  #ended = false;
  #refused = false;

  /**
   * @param options.limit bytes that a message from the other side may have
   * @param options.isMessage what else counts as unreadable
   */
  constructor(
    pipes: { input: Readable; output: Writable },
    options: { limit: number; isMessage: (message: unknown) => message is Received },
    listener: ChannelListener<Received>,
  ) {
    this.#input = pipes.input;
    this.#output = pipes.output;
    this.#isMessage = options.isMessage;
    this.#reader = new FrameReader(options.limit);
    this.#listener = listener;
    this.#input.on('data', (piece: Buffer) => this.#read(piece));
    for (const pipe of [this.#input, this.#output]) {
      // All that can be wrong with a pipe is that the other side has gone; `close` follows.
      pipe.on('error', () => {});
      // When both close at once, what can still be read comes first.
      pipe.once('close', () => setImmediate(() => this.#end()));
    }
  }

  /**
   * Never waits: what the other side does not take yet is kept here. A message to a side that has gone is lost.
   * @throws Error when V8 can not clone the message
   */
  send(message: Sent): void {
    if (this.#output.writable) this.#output.write(encodeMessage(message));
  }

  /** Closes both pipes when all that was sent is on its way. */
  end(): void {
    this.#output.once('close', () => this.#input.destroy());
    this.#output.end(() => this.#output.destroy());
  }

  #read(piece: Buffer): void {
    this.#reader.push(piece);
    while (!this.#refused) {
      let next;
      try {
        next = this.#reader.next();
      } catch (error) {
        this.#refuse(error instanceof Error ? error.message : String(error));
        return;
      }
      if (next === undefined) return;
      if (this.#isMessage(next.message)) this.#deliver(next.message);
      else this.#refuse('a message of no known kind');
    }
  }

  /** What the listener throws is the listener's: it goes where uncaught errors go, and reading goes on. */
  #deliver(message: Received): void {
    try {
      this.#listener.onMessage(message);
    } catch (error) {
      process.nextTick(() => {
        throw error;
      });
    }
  }

  #refuse(reason: string): void {
    this.#refused = true;
    this.#input.destroy();
    this.#listener.onUnreadable(reason);
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#listener.onEnd();
  }
}
