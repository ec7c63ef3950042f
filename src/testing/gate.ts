import { execFileSync } from 'node:child_process';
import { closeSync, existsSync, openSync, readSync, rmSync } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';

/**
 * A place where an engine thread stands until a test lets it go on, in whatever process it is: a named pipe, which its
 * reader can not open before its writer does, and the other way round. Not on Windows.
 */
export class Gate {
  readonly #path: string;
  #writer: FileHandle | undefined;

  /** Makes the pipe; the next one to {@link stand} before it waits. */
  constructor(path: string) {
    this.#path = path;
    execFileSync('mkfifo', [path]);
  }

  /** Resolves when somebody stands before the gate. */
  async reached(): Promise<void> {
    this.#writer = await open(this.#path, 'w');
  }

  /** Lets whoever stands there go on, and everybody after. Only after {@link reached}. */
  async open(): Promise<void> {
    rmSync(this.#path);
    await this.#writer?.close();
  }
}

/** Blocks this thread until the gate there is opened; goes on at once when there is none. */
export function stand(path: string): void {
  if (!existsSync(path)) return;
  const pipe = openSync(path, 'r');
  readSync(pipe, Buffer.alloc(1)); // nothing is ever written: this is the end of the pipe
  closeSync(pipe);
}
