import type { GenerateRequest } from '../core/generation.js';
import { AbortBoard } from '../engine/abort-board.js';
import { EngineCore } from '../engine/engine-core.js';
import { FakeRunner } from './fake-runner.js';
import { makeRequest } from './requests.js';

/** What an engine without any cache answers to a request, by all that matters of it. */
export class PlainAnswers {
  readonly #known = new Map<string, readonly string[]>();
  readonly #modelPath: string;

  constructor(modelPath: string) {
    this.#modelPath = modelPath;
  }

  to({ prompt, sampling, stop, choices }: GenerateRequest): readonly string[] {
    const key = JSON.stringify([prompt, sampling, stop, choices]);
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const board = new AbortBoard();
    const room = { contextSize: 512, slots: 4, batchSize: 512, threads: 1 };
    const core = new EngineCore(new FakeRunner({ modelPath: this.#modelPath, ...room }, board.flag), board);
    core.generate({ ...makeRequest(), prompt, sampling, stop, choices, cache: { use: false, salt: '' } }, 0);
    const texts: string[] = [];
    while (!core.idle) {
      core.step();
      for (const update of core.takeUpdates())
        if (update.kind === 'choice') texts[update.choice] = (texts[update.choice] ?? '') + update.text;
    }
    this.#known.set(key, texts);
    return texts;
  }
}
