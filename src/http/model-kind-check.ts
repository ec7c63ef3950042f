import { HeddleError } from '../core/errors.js';
import { kindTexts, type ModelKind } from '../core/model-kind.js';
import type { EnginePool } from '../pool/engine-pool.js';
import type { ModelFile } from '../pool/model-catalogue.js';

/** What a model is for, by its file, or else by what its engine said when it was loaded; undefined before that. */
export async function servedKind(pool: EnginePool, file: ModelFile): Promise<ModelKind | undefined> {
  const kind = await pool.catalogue.kindOf(file);
  if (kind !== undefined) return kind;
  const model = pool.managed(file.id);
  return model?.state.kind === 'ready' ? model.engine?.info.kind : undefined;
}

/**
 * Refuses a model that is for something else by its file, before it is loaded for nothing. Where the file does not tell,
 * nothing is refused.
 * @throws HeddleError `unsupported_by_model`, naming the models that are of that kind; `model_not_found`
 */
export async function checkKind(pool: EnginePool, name: string, wanted: ModelKind): Promise<void> {
  const kindNow = async (): Promise<ModelKind> =>
    (await pool.catalogue.kindOf(await pool.find(name))) ?? wanted;
  if ((await kindNow()) === wanted) return;
  await pool.catalogue.scan(); // another file may have taken its place
  const kind = await kindNow();
  if (kind !== wanted) throw await wrongKind(pool, name, kind, wanted);
}

/** The error for a model that is for something else. */
export async function wrongKind(
  pool: EnginePool,
  name: string,
  kind: ModelKind,
  wanted: ModelKind,
): Promise<HeddleError> {
  const others: string[] = [];
  for (const file of await pool.catalogue.scan()) {
    if (pool.idOf(file.id) === file.id && (await servedKind(pool, file)) === wanted) others.push(file.id);
  }
  const { does } = kindTexts[wanted];
  const help = others.length === 0 ? 'No model here does.' : `These do: ${others.join(', ')}.`;
  const message = `"${name}" is ${kindTexts[kind].name}: it does not ${does}. ${help}`;
  return new HeddleError('unsupported_by_model', message, { param: 'model' });
}
