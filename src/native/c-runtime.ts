import koffi from 'koffi';
import type { Pointer } from './llama-structs.js';

/** The few functions of the system's C library that heddle needs beside llama.cpp. */
export interface CRuntime {
  /** The OS's id of the calling thread. */
  readonly threadId: () => number;
  /**
   * Address of a function that reads a byte string and answers its length. As a native abort callback it means
   * "abort once the byte is not zero", and it can be called by any thread, which no JavaScript callback can.
   */
  readonly strlen: Pointer;
  /** Address of a function that ignores its arguments and does nothing that matters: it silences a log. */
  readonly nothing: Pointer;
  /** Gives memory that was freed back to the system, where the C library keeps it otherwise (glibc does). */
  readonly returnFreedMemory: () => void;
}

let runtime: CRuntime | undefined;

/** @throws Error when the platform's C library can not be loaded; llama.cpp would not load there either */
export function cRuntime(): CRuntime {
  runtime ??= open();
  return runtime;
}

function open(): CRuntime {
  if (process.platform === 'win32') {
    const kernel = koffi.load('kernel32.dll');
    const ucrt = koffi.load('ucrtbase.dll');
    return {
      threadId: kernel.func('uint32_t GetCurrentThreadId(void)') as () => number,
      strlen: ucrt.symbol('strlen') as Pointer,
      nothing: kernel.symbol('GetCurrentProcessId') as Pointer,
      returnFreedMemory() {},
    };
  }
  const libc = koffi.load(null);
  return {
    threadId: process.platform === 'darwin' ? darwinThreadId(libc) : linuxThreadId(libc),
    strlen: libc.symbol('strlen') as Pointer,
    nothing: libc.symbol('getpid') as Pointer,
    returnFreedMemory: memoryTrim(libc),
  };
}

type Libc = ReturnType<typeof koffi.load>;

function linuxThreadId(libc: Libc): () => number {
  return libc.func('int gettid(void)') as () => number;
}

function memoryTrim(libc: Libc): () => void {
  try {
    const trim = libc.func('int malloc_trim(size_t pad)') as (pad: number) => number;
    return () => {
      trim(0);
    };
  } catch {
    return () => {}; // not glibc: freed memory goes back by itself
  }
}

function darwinThreadId(libc: Libc): () => number {
  const pthreadThreadId = libc.func('int pthread_threadid_np(void *thread, void *id)') as (
    thread: null,
    id: BigUint64Array,
  ) => number;
  const id = new BigUint64Array(1);
  return () => {
    pthreadThreadId(null, id);
    return Number(id[0]);
  };
}
