import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Where tests write model files: git ignores it, and what is there is not written again. */
export const fixtureFolder = fileURLToPath(
  new URL('../../node_modules/.cache/heddle-fixtures', import.meta.url),
);

const starterFolder = fileURLToPath(new URL('../../models/starter', import.meta.url));

export const starterModel = join(starterFolder, 'starter.gguf');
export const draftModel = join(starterFolder, 'starter-draft.gguf');
