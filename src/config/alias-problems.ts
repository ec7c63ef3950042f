import type { Path } from './yaml-source.js';

/** Something wrong with a value of the file. */
export interface ValueProblem {
  readonly path: Path;
  readonly message: string;
  /** It is the key at the end of the path that is wrong, not its value. */
  readonly atKey?: boolean;
}

/**
 * What is wrong with the aliases of all models together: each names one model, by its id and not by another alias. Takes
 * the file as it was read, so that these are told together with all other problems.
 */
export function aliasProblems(models: unknown): ValueProblem[] {
  const entries = Object.entries(isObject(models) ? models : {}).flatMap(([id, model]) =>
    (isObject(model) && Array.isArray(model['aliases']) ? model['aliases'] : []).map(
      (alias: unknown, index) => ({ id, alias, path: ['models', id, 'aliases', index] }),
    ),
  );
  const owners = new Map<unknown, string>();
  const problems: ValueProblem[] = [];
  for (const { id, alias, path } of entries) {
    const owner = owners.get(alias);
    if (alias === id) problems.push({ path, message: 'is the id of the model itself' });
    else if (owner !== undefined) problems.push({ path, message: `is an alias of ${owner} already` });
    else owners.set(alias, id);
  }
  for (const { id, alias, path } of entries) {
    const owner = owners.get(id);
    if (owner === undefined || alias === id) continue;
    problems.push({
      path,
      message: `is an alias of ${id}, which is an alias of ${owner} itself; an alias names a model by its id`,
    });
  }
  return problems;
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
