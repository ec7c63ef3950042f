// Preloaded into a server by `node --import`: SIGUSR2 is an error of its main thread that nobody catches, and SIGHUP a
// promise that is rejected and that nobody waits for.
import { isMainThread } from 'node:worker_threads';

if (isMainThread) {
  process.on('SIGUSR2', () => {
    throw new Error('thrown by a test');
  });
  process.on('SIGHUP', () => {
    void Promise.reject(new Error('rejected by a test'));
  });
}
