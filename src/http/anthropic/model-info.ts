import type { EnginePool } from '../../pool/engine-pool.js';
import type { ModelFile } from '../../pool/model-catalogue.js';

/** A model by one of its names. */
export interface NamedModel {
  readonly name: string;
  readonly file: ModelFile;
}

/** A model as Anthropic's clients know it; the length of its context is told while it is loaded. */
export function modelInfo({ name, file }: NamedModel, pool: EnginePool): object {
  const model = pool.managed(file.id);
  const loaded = model?.state.kind === 'ready' ? model.engine?.info : undefined;
  const contextSize = loaded?.contextSize ?? null;
  return {
    type: 'model',
    id: name,
    display_name: name,
    created_at: new Date(file.modified).toISOString(),
    capabilities: null,
    lifecycle: 'active',
    line: null,
    deprecated_at: null,
    retires_at: null,
    max_input_tokens: contextSize,
    max_tokens: contextSize,
  };
}
