import { expect, it } from 'vitest';
import { ProgressBar } from './progress-bar.js';

/** A terminal, or a pipe, that keeps what it is given. */
function output(isTTY: boolean, columns = 200) {
  const written: string[] = [];
  return { isTTY, columns, written, write: (text: string | Uint8Array) => written.push(String(text)) > 0 };
}

it('shows how far it is on one line, and takes it away', () => {
  const terminal = output(true);
  const bar = new ProgressBar(terminal);
  bar.progress(0.5, 'steady');
  bar.clear();
  bar.clear();
  expect(terminal.written).toEqual([
    `\r[${'#'.repeat(15)}${'.'.repeat(15)}]  50 % steady\u001b[K`,
    '\r\u001b[K',
  ]);
});

it('is never longer than the line, nor full beyond its end', () => {
  const terminal = output(true, 40);
  new ProgressBar(terminal).progress(1.7, 'a workload with a long name');
  expect(terminal.written).toEqual([`\r[${'#'.repeat(30)}] 100 % \u001b[K`]);
});

it('writes nothing where there is no terminal', () => {
  const pipe = output(false);
  const bar = new ProgressBar(pipe);
  bar.progress(0.5, 'steady');
  bar.clear();
  expect(pipe.written).toEqual([]);
});
