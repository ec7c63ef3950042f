import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { fixtureFile } from '../../src/testing/gguf/fixtures.js';
import { writeGguf } from '../../src/testing/gguf/gguf-writer.js';
import { heddle } from './heddle-command.js';
import { ServerProcess } from './server-process.js';

describe('heddle run', () => {
  it('writes the answer, and nothing else, to standard output', async () => {
    const { code, stdout, stderr } = await heddle(
      'run',
      'starter',
      'What is the capital of Japan?',
      '--temperature',
      '0',
    );
    expect(stdout).toBe('The capital of Japan is Tokyo.\n');
    expect(stderr).toContain('loaded starter');
    expect(code).toBe(0);
  });

  it('takes a system prompt, a limit and a seed', async () => {
    const args = ['run', 'starter', 'Tell me a story.', '--max-tokens', '12', '--seed', '3'];
    const [one, two] = [await heddle(...args), await heddle(...args)];
    expect(one.stdout).toBe(two.stdout);
    const pirate = await heddle(
      'run',
      'starter',
      'What does a dog say?',
      '--system',
      'Answer as a pirate.',
      '--temperature',
      '0',
    );
    expect(pirate.stdout).toContain('Arr, matey!');
  });

  it('takes the path of a file', async () => {
    const path = join('models', 'starter', 'starter-draft.gguf');
    const { code, stdout } = await heddle('run', path, 'Hello!', '--temperature', '0');
    expect(code).toBe(0);
    expect(stdout.length).toBeGreaterThan(1);
  });

  it('tells what a model reasons apart from its answer', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'heddle-cli-'));
    try {
      const { metadata, tensors } = fixtureFile('llama');
      const template = '{{ messages[0].content }}<think>{#- </think> #}';
      const changed = metadata.map(([key, value]) =>
        key === 'tokenizer.chat_template'
          ? ([key, { type: 'string', value: template }] as const)
          : ([key, value] as const),
      );
      const path = join(folder, 'thinker.gguf');
      writeGguf(path, { metadata: changed, tensors });
      const args = ['run', path, 'Hi', '--temperature', '0', '--max-tokens', '5'];
      const { code, stdout, stderr } = await heddle(...args);
      expect(code).toBe(0);
      expect(stdout).toBe('\n'); // it never came to an answer
      const [, thoughts = ''] = /^loaded thinker.*\n([^]*)$/m.exec(stderr) ?? [];
      expect(thoughts.length).toBeGreaterThan(5);
      expect(stderr).not.toContain('\u001b');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('says what is wrong and ends with 1', async () => {
    const { code, stderr } = await heddle('run', 'nope', 'Hello');
    expect(code).toBe(1);
    expect(stderr).toBe(
      'heddle: There is no model "nope". There is: starter, starter-draft. (model_not_found)\n',
    );
  });
});

describe('heddle list', () => {
  it('shows id, size and file of every model', async () => {
    const { stdout } = await heddle('list');
    expect(stdout).toMatch(
      /^MODEL +SIZE +FILE\nstarter +5\.2 MiB +\S+starter\.gguf\nstarter-draft +999\.5 KiB/,
    );
  });
});

describe('heddle list and run', () => {
  it('look for models where the configuration file says', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'heddle-cli-'));
    try {
      copyFileSync(join('models', 'starter', 'starter.gguf'), join(folder, 'mine.gguf'));
      const config = join(folder, 'heddle.yaml');
      writeFileSync(config, 'model_dirs: [.]\n');
      const listed = await heddle('list', '--config', config);
      expect(listed.stdout).toMatch(/^MODEL +SIZE +FILE\nmine +5\.2 MiB +\S+mine\.gguf\n$/);
      const args = ['What is the capital of Japan?', '--temperature', '0', '--config', config];
      expect((await heddle('run', 'mine', ...args)).stdout).toBe('The capital of Japan is Tokyo.\n');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe('heddle ps, load and unload', () => {
  it('work on a running server', async () => {
    const server = await ServerProcess.start();
    const url = ['--url', server.url];
    expect((await heddle('ps', ...url)).stdout).toBe('No model is loaded.\n');
    expect((await heddle('load', 'starter', ...url)).stdout).toBe('starter is loaded.\n');
    expect((await heddle('ps', ...url)).stdout).toMatch(
      /^MODEL +STATE +REQUESTS +CELLS +MEMORY +PROCESS +UP\nstarter +ready +0 +0 of 2048 +[\d.]+ MiB +\d+ +\d+ s\n$/,
    );
    expect((await heddle('unload', 'starter', ...url)).stdout).toBe('starter is unloaded.\n');
    expect((await heddle('ps', ...url)).stdout).toMatch(/starter +unloaded/);
    const unknown = await heddle('load', 'nope', ...url);
    expect(unknown.code).toBe(1);
    expect(unknown.stderr).toContain('(model_not_found)');
    expect(await server.stop()).toBe(0);
  });

  it('say so when no server is there', async () => {
    const { code, stderr } = await heddle('ps', '--url', 'http://127.0.0.1:1');
    expect(code).toBe(1);
    expect(stderr).toContain('No server answers at http://127.0.0.1:1. Is heddle serve running?');
  });
});

describe('heddle', () => {
  it('refuses options that make no sense', async () => {
    const port = await heddle('serve', '--port', '99999');
    expect(port.code).toBe(1);
    expect(port.stderr).toContain('whole number from 0 to 65535');
    const target = await heddle('serve', '--inter-token-target', '5ms');
    expect(target.stderr).toContain('It must be from 10ms to 1m, or "none".');
    const folder = await heddle('list', '--model-dir', '/no/such/folder');
    expect(folder.stderr).toContain('There is no such folder.');
  });

  it('says so when its port is in use', async () => {
    const { createServer } = await import('node:net');
    const other = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => other.once('listening', resolve));
    const { port } = other.address() as { port: number };
    const { code, stderr } = await heddle('serve', '--port', String(port));
    other.close();
    expect(code).toBe(1);
    expect(stderr).toContain(`Can not listen on 127.0.0.1:${port}: it is in use. Choose another --port.`);
  });
});
