/*
 * Modules for the disk thread that do not do its work, as the `threadModule` of a prefix store.
 */

/** Says nothing, but ends when it is told to. */
export const silentDiskThread = moduleOf(`
  import { parentPort } from 'node:worker_threads';
  parentPort.on('message', ({ type }) => { if (type === 'close') parentPort.close(); });
`);

/** Finds nothing, and writes nothing until it is told to verify what is there. */
export const idleDiskThread = moduleOf(`
  import { parentPort } from 'node:worker_threads';
  const waiting = [];
  parentPort.on('message', ({ type, call, spares = 0, key }) => {
    if (type === 'close') parentPort.close();
    if (type === 'write') waiting.push(key.id);
    if (type === 'verify')
      for (const id of waiting.splice(0)) parentPort.postMessage({ type: 'written', id, outcome: 'written' });
    if (call !== undefined) parentPort.postMessage({ type: 'done', call, value: spares });
  });
`);

function moduleOf(source: string): URL {
  return new URL(`data:text/javascript,${encodeURIComponent(source)}`);
}
