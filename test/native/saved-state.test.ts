import { openRunner } from '../../src/native/llama-runner.js';
import { fixtureNames, writeFixture } from '../../src/testing/gguf/fixtures.js';
import type { OpenedRunner, RunnerRoom } from '../../src/testing/runner-conformance.js';
import { describeSavedStateConformance } from '../../src/testing/saved-state-conformance.js';
import { fixtureFolder, starterModel } from './fixture-folder.js';

const libraryLock = new Int32Array(new SharedArrayBuffer(4));

function opener(modelPath: () => string): (room: RunnerRoom) => Promise<OpenedRunner> {
  return async (room) => {
    const abortFlag = new Uint8Array(new SharedArrayBuffer(2));
    const runner = await openRunner(
      { ...room, modelPath: modelPath(), threads: 1 },
      { abortFlag, libraryLock, onProgress: () => true },
    );
    return { runner, abortFlag };
  };
}

describeSavedStateConformance(
  'llama.cpp with the starter model',
  opener(() => starterModel),
);

for (const name of fixtureNames) {
  describeSavedStateConformance(
    `llama.cpp with a ${name} model`,
    opener(() => writeFixture(name, fixtureFolder)),
  );
}
