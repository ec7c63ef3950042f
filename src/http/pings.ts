/** How long a stream is silent before a ping, milliseconds. */
const usualInterval = 10_000;

/**
 * What a stream yields, with pings in its silences: one after each interval in which there was progress. A stream that
 * waits for nothing that goes on is silent, so that its client can tell.
 * @param options.progress a number that changes when there was some
 * @param options.interval milliseconds
 */
export async function* withPings<Piece>(
  pieces: AsyncIterator<Piece>,
  { progress, interval = usualInterval }: { progress: () => number; interval?: number | undefined },
): AsyncGenerator<Piece | 'ping'> {
  let seen = progress();
  for (;;) {
    const next = pieces.next();
    for (;;) {
      const result = await nextOrSilence(next, interval);
      if (result === 'silence') {
        const now = progress();
        if (now !== seen) yield 'ping';
        seen = now;
        continue;
      }
      if (result.done === true) return;
      seen = progress();
      yield result.value;
      break;
    }
  }
}

async function nextOrSilence<Result>(next: Promise<Result>, interval: number): Promise<Result | 'silence'> {
  let timer: NodeJS.Timeout | undefined;
  const silence = new Promise<'silence'>((resolve) => {
    timer = setTimeout(() => resolve('silence'), interval);
  });
  try {
    return await Promise.race([next, silence]);
  } finally {
    clearTimeout(timer);
  }
}
