import { createHash } from 'node:crypto';
import type { ModelInfo } from '../core/model-runner.js';
import type { StableRuleSwitches } from '../core/stable-rules.js';
import { version } from '../core/version.js';
import type { ModelFile } from '../pool/model-catalogue.js';

/**
 * A short text that stays the same while the same request, with the same seed, is computed in the same way: by this
 * version of heddle and of the library, from a model file of this size and date, loaded with this much room, whose prompts
 * are written by these rules. It says nothing of the weights themselves.
 */
export function systemFingerprint(
  { id, bytes, modified }: Pick<ModelFile, 'id' | 'bytes' | 'modified'>,
  info: ModelInfo,
  rules: StableRuleSwitches,
): string {
  const facts = JSON.stringify([version, id, bytes, modified, sorted(info), sorted(rules)]);
  return `fp_${createHash('sha256').update(facts).digest('hex').slice(0, 16)}`;
}

function sorted(fields: object): unknown[] {
  return Object.entries(fields).toSorted(([one], [other]) => one.localeCompare(other));
}
