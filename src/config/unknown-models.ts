import type { PoolSettings } from '../pool/pool-settings.js';

/**
 * What settings say about models that are not there: no error, since a model can come later, but likely a mistake.
 * @param ids the models that are there
 */
export function unknownModels({ models = {}, aliases = {} }: PoolSettings, ids: readonly string[]): string[] {
  const present = new Set(ids);
  return [...new Set([...Object.keys(models), ...Object.values(aliases)])]
    .filter((id) => !present.has(id))
    .map((id) => {
      const names = Object.entries(aliases).flatMap(([alias, target]) => (target === id ? [alias] : []));
      const also = names.length === 0 ? '' : `; requests for ${names.join(', ')} will not find it either`;
      return `The configuration names the model ${id}, which is in none of the model folders${also}.`;
    });
}
