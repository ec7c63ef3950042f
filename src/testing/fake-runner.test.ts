import { openRunner } from './fake-runner.js';
import { describeRunnerConformance, type OpenedRunner, type RunnerRoom } from './runner-conformance.js';

function opener(modelPath: string): (room: RunnerRoom) => Promise<OpenedRunner> {
  return async (room) => {
    const abortFlag = new Uint8Array(new SharedArrayBuffer(2));
    const runner = await openRunner(
      { ...room, modelPath, threads: 1 },
      { abortFlag, libraryLock: new Int32Array(new SharedArrayBuffer(4)), onProgress: () => true },
    );
    return { runner, abortFlag };
  };
}

describeRunnerConformance('the fake runner', opener('fake:'));
describeRunnerConformance('the fake runner whose memory can not be cut', opener('fake:?canCut=false'));
