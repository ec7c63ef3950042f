import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { afterEach, expect, test, vi } from 'vitest';
import { Engine } from '../../src/engine/engine.js';
import { ThreadTransport } from '../../src/engine/thread-transport.js';
import { openLlamaLibrary } from '../../src/native/llama-library.js';
import { loadModel } from '../../src/native/load-model.js';
import { packageVersion } from '../../src/native/library-path.js';
import { starterModel } from './fixture-folder.js';

const lock = new Int32Array(new SharedArrayBuffer(4));

afterEach(() => vi.unstubAllEnvs());

test('the library is of a known version and has compute backends', () => {
  const library = openLlamaLibrary(lock);
  expect(library.version).toMatch(/^0\.4\./);
  expect(library.bindings.ggml_backend_reg_count()).toBeGreaterThan(0);
  expect(openLlamaLibrary(lock).version).toBe(library.version);
  expect(lock[0]).toBe(0);
});

test('files that are no llama.cpp are refused with what to use instead', () => {
  const folder = mkdtempSync(join(tmpdir(), 'heddle-no-library-'));
  for (const name of ['libggml-base.so', 'libggml.so', 'libllama.so'])
    writeFileSync(join(folder, name), 'no');
  vi.stubEnv('HEDDLE_LLAMA_LIB', folder);
  try {
    expect(() => openLlamaLibrary(lock)).toThrow(
      expect.objectContaining({
        code: 'native_library_mismatch',
        message: expect.stringContaining(packageVersion),
      }),
    );
    expect(lock[0]).toBe(0);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('an engine without a library says what to do, and ends', async () => {
  vi.stubEnv('HEDDLE_LLAMA_LIB', '/no/such/folder');
  const engine = new Engine(new ThreadTransport({ name: 'test' }));
  const options = { modelPath: starterModel, contextSize: 256, slots: 1, batchSize: 64, threads: 1 };
  await expect(engine.load(options)).rejects.toMatchObject({ code: 'native_library_missing' });
  await engine.exited;
});

test("a model's handle that is posted to another thread throws wrong_thread there, and works on here", async () => {
  const library = openLlamaLibrary(lock);
  const model = await loadModel(library, starterModel, () => true);
  try {
    const code = `
      const { workerData: { module, description }, parentPort } = require('node:worker_threads');
      import(module).then(({ NativeHandle }) => {
        const handle = NativeHandle.fromDescription(description);
        try { parentPort.postMessage(String(handle.address)); }
        catch (error) { parentPort.postMessage(error.code); }
      });
    `;
    const module = pathToFileURL(resolve('dist/native/native-handle.js')).href;
    const worker = new Worker(code, { eval: true, workerData: { module, description: model.describe() } });
    expect(await new Promise((done) => worker.once('message', done))).toBe('wrong_thread');
    expect(library.bindings.llama_model_n_ctx_train(model.address)).toBeGreaterThan(0);
  } finally {
    model.dispose();
  }
  expect(() => model.address).toThrow(expect.objectContaining({ code: 'handle_disposed' }));
});
