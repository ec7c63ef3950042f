// `npm run bench -- NAME`: sets the checkout and the peers up, then runs bench/src/NAME.ts.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { root, run, setUp } from './setup.mjs';

const [name = 'raw'] = process.argv.slice(2);
if (!existsSync(join(root, 'bench', 'src', `${name}.ts`))) {
  console.error(
    `There is no bench/src/${name}.ts. There are: raw, two-models, ramp, intruder, scheduling, step-overhead, memory-prediction, metrics-overhead, block-stores, block-transfer, prompt-cache, ngram, snapshots, grammar-cost, cancel.`,
  );
  process.exit(1);
}
setUp();
if (!existsSync(join(root, 'bench', 'node_modules'))) {
  // The peer ships prebuilt binaries; its install script would only try to build others.
  run('npm', ['ci', '--prefix', 'bench', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']);
}
run(process.execPath, [join('node_modules', 'typescript', 'bin', 'tsc'), '-p', 'bench']);
run(process.execPath, [join('bench', 'dist', `${name}.js`)]);
