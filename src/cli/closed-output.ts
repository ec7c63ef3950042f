/**
 * Whoever reads our output may stop, as `head` does, and a terminal may be closed. A server goes on without it; a command that only writes ends by
 * itself, since nothing else keeps it.
 */
export function ignoreClosedOutput(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE' && error.code !== 'EIO') throw error;
    });
  }
}
