// Imports the modules that are its arguments, and prints as JSON what its process had before and has after that. It ends
// when nothing keeps it.
import { readdirSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';

const onLinux = process.platform === 'linux';
const threads = () => (onLinux ? readdirSync('/proc/self/task') : []);
const holdings = () => ({
  resources: process.getActiveResourcesInfo().toSorted(),
  threads: threads().length,
  children: threads()
    .map((id) => readFileSync(`/proc/self/task/${id}/children`, 'utf8'))
    .join(''),
  descriptors: onLinux ? readdirSync('/proc/self/fd').length : 0,
  listeners: process.eventNames().map((name) => `${String(name)} ${process.listenerCount(name)}`),
  libraries: process.report.getReport().sharedObjects.filter((path) => /llama|ggml/.test(path)),
});

// Node's own pool of threads, and its handles of standard output and error, start with their first use.
process.stdout.write('importing\n');
process.stderr.write('importing\n');
await Promise.all(Array.from({ length: 8 }, () => readFile(import.meta.filename)));
const before = holdings();
for (const module of process.argv.slice(2)) await import(module);
const after = holdings();
process.stdout.write(`${JSON.stringify({ before, after })}\n`);
