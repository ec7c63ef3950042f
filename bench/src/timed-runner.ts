/* The llama.cpp runner with a clock on every native call; an engine thread can be started with it. */
import { openRunner as openLlamaRunner } from '../../dist/native/llama-runner.js';
import type { OpenRunner } from '../../dist/core/model-runner.js';

/** Sent over the channel when the runner is disposed. */
export interface NativeTimes {
  /** From the first decode's begin to the last one's end, milliseconds. */
  readonly wall: number;
  /** Spent inside native calls meanwhile, milliseconds. */
  readonly native: number;
  readonly steps: number;
  readonly rows: number;
}

export const channelName = 'heddle-bench-native-times';

export const openRunner: OpenRunner = async (options, host) => {
  const runner = await openLlamaRunner(options, host);
  let times: NativeTimes & { started: number } = { wall: 0, native: 0, steps: 0, rows: 0, started: 0 };
  const timed = <A extends unknown[], R>(call: (...parameters: A) => R): ((...parameters: A) => R) => {
    return (...parameters) => {
      const begin = performance.now();
      try {
        return call(...parameters);
      } finally {
        times = { ...times, native: times.native + performance.now() - begin };
      }
    };
  };
  const decode = timed(runner.decode.bind(runner));
  return {
    info: runner.info,
    tokenize: timed(runner.tokenize.bind(runner)),
    writtenBytes: runner.writtenBytes.bind(runner),
    tokenBytes: runner.tokenBytes.bind(runner), // a table look-up after the first time
    controlText: timed(runner.controlText.bind(runner)),
    endsGeneration: timed(runner.endsGeneration.bind(runner)),
    createSampler(params, choice) {
      const sampler = runner.createSampler(params, choice);
      return {
        sample: timed(sampler.sample.bind(sampler)),
        accept: timed(sampler.accept.bind(sampler)),
        dispose: timed(sampler.dispose.bind(sampler)),
      };
    },
    logProbability: timed(runner.logProbability.bind(runner)),
    topLogProbabilities: timed(runner.topLogProbabilities.bind(runner)),
    rowEmbedding: timed(runner.rowEmbedding.bind(runner)),
    relevance: timed(runner.relevance.bind(runner)),
    decode(batch) {
      const begin = performance.now();
      // Only steps without prompt rows: they are what is repeated for every token.
      const generating = batch.spans.every((span) => span.tokens.length === 1);
      if (!generating || times.steps === 0) times = { wall: 0, native: 0, steps: 0, rows: 0, started: begin };
      const outcome = decode(batch);
      if (generating) {
        const wall = performance.now() - times.started;
        times = { ...times, wall, steps: times.steps + 1, rows: times.rows + batch.rows };
      }
      return outcome;
    },
    removeCells: timed(runner.removeCells.bind(runner)),
    shareCells: timed(runner.shareCells.bind(runner)),
    cellCount: timed(runner.cellCount.bind(runner)),
    cellsSize: runner.cellsSize.bind(runner),
    saveCells: (slot, from, to, allocate) => timed(() => runner.saveCells(slot, from, to, allocate))(),
    restoreCells: timed(runner.restoreCells.bind(runner)),
    snapshotSize: timed(runner.snapshotSize.bind(runner)),
    saveSnapshot: (slot, allocate) => timed(() => runner.saveSnapshot(slot, allocate))(),
    restoreSnapshot: timed(runner.restoreSnapshot.bind(runner)),
    setThreads: timed(runner.setThreads.bind(runner)),
    memory: runner.memory.bind(runner),
    threadId: runner.threadId.bind(runner),
    dispose() {
      const channel = new BroadcastChannel(channelName);
      channel.postMessage(times);
      channel.close();
      runner.dispose();
    },
  };
};
