// Preloaded into a server by `node --import`: its engine threads never hear that they are to end, as if they were stuck.
import { isMainThread } from 'node:worker_threads';

if (isMainThread) {
  const { ThreadTransport } = await import('../../dist/engine/thread-transport.js');
  const post = Reflect.get(ThreadTransport.prototype, 'post');
  ThreadTransport.prototype.post = function (command) {
    if (command.type !== 'close') post.call(this, command);
  };
}
