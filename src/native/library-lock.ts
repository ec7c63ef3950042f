/**
 * Runs `body` while no other thread of the process does so with the same lock. llama.cpp's list of compute backends is
 * process-wide and not guarded, so opening the library is.
 * @param lock one int in shared memory, 0 when free
 */
export function withLibraryLock<T>(lock: Int32Array, body: () => T): T {
  while (Atomics.compareExchange(lock, 0, 0, 1) !== 0) Atomics.wait(lock, 0, 1);
  try {
    return body();
  } finally {
    Atomics.store(lock, 0, 0);
    Atomics.notify(lock, 0, 1);
  }
}
