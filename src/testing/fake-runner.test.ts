import { openRunner } from './fake-runner.js';
import { describeRerankerConformance } from './reranker-conformance.js';
import { describeRunnerConformance, type OpenedRunner, type RunnerRoom } from './runner-conformance.js';
import { describeSavedStateConformance } from './saved-state-conformance.js';

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

const fakes = {
  cells: ['the fake runner', 'fake:'],
  'cells-and-state': ['the fake runner whose memory can not be cut', 'fake:?canCut=false'],
  state: ['the fake runner without cells', 'fake:?canCut=false&memory=state'],
} as const;

for (const memory of ['cells', 'cells-and-state', 'state'] as const) {
  const [name, path] = fakes[memory];
  describeRunnerConformance(name, opener(path));
  describeSavedStateConformance(name, opener(path), memory);
}

for (const causal of [true, false]) {
  const path = `fake:?pooling=none&outputRows=64&causal=${causal}`;
  const name = `the fake runner, ${causal ? 'causal' : 'an encoder'},`;
  describeRerankerConformance(name, opener(path), { causal, tolerance: 1e-9 });
}
