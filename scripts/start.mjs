// `npm start`: sets the checkout up, then serves. Arguments after `--` go to `heddle serve`.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { root, setUp } from './setup.mjs';

setUp();
const main = join(root, 'dist', 'cli', 'main.js');
process.argv = [process.execPath, main, 'serve', ...process.argv.slice(2)];
await import(pathToFileURL(main).href);
