import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { HeddleError } from '../../core/errors.js';
import type { ModelKind } from '../../core/model-kind.js';
import type { ModelInfo } from '../../core/model-runner.js';
import { chooseFormat } from '../../prompt/output/choose-format.js';
import { hasVariable } from '../../prompt/template-choice.js';
import { servedKind } from '../model-kind-check.js';
import type { RouteContext } from '../route-context.js';
import { parseBody } from '../validation.js';
import { modelDetails, textAt } from './model-details.js';
import { modelName } from './model-name.js';
import { canThink } from './think.js';

/** The body of `POST /api/show`; `name` is what `model` was called before. */
export const showSchema = z.strictObject({
  model: z.string().min(1).optional(),
  name: z.string().min(1).optional(),
});

/** Parameters that are not supported, with the values that ask for nothing. */
export const showNeutral: Readonly<Record<string, readonly unknown[]>> = {
  verbose: [false],
  system: [''],
  template: [''],
  options: [{}],
};

type Templates = Pick<ModelInfo, 'chatTemplate' | 'toolChatTemplate'>;

/** `POST /api/show`: what a model's file says of it. The model is not loaded. */
export function showRoute(server: FastifyInstance, { pool }: RouteContext): void {
  server.post('/api/show', async ({ body }) => {
    const { model, name } = parseBody(showSchema, body, showNeutral);
    const asked = model ?? name;
    if (asked === undefined) {
      throw new HeddleError('invalid_parameter', '"model": say which model is meant.', { param: 'model' });
    }
    const file = await pool.find(await modelName(pool, asked));
    const metadata = await pool.catalogue.metadataOf(file);
    const license = textAt(metadata, 'general.license');
    const [chatTemplate, toolChatTemplate] = ['', '.tool_use'].map((end) =>
      textAt(metadata, `tokenizer.chat_template${end}`),
    );
    const loaded = pool.managed(file.id);
    const templates: Templates =
      loaded?.state.kind === 'ready' && loaded.engine !== undefined
        ? loaded.engine.info
        : {
            ...(chatTemplate ? { chatTemplate } : {}),
            ...(toolChatTemplate ? { toolChatTemplate } : {}),
          };
    return {
      ...(license === '' ? {} : { license }),
      modelfile: '',
      parameters: '',
      template: templates.chatTemplate ?? '',
      details: modelDetails(metadata),
      model_info: {
        ...metadata?.values,
        ...(metadata === undefined ? {} : { 'general.parameter_count': metadata.parameters }),
      },
      capabilities: capabilities(await servedKind(pool, file), templates),
      modified_at: new Date(file.modified).toISOString(),
    };
  });
}

/** What a model can be asked for here; nothing where its file can not be read. */
function capabilities(kind: ModelKind | undefined, templates: Templates): string[] {
  if (kind === 'embedding') return ['embedding'];
  if (kind !== 'generation') return [];
  const { chatTemplate, toolChatTemplate } = templates;
  const template = toolChatTemplate ?? chatTemplate;
  const callsTools =
    template !== undefined && hasVariable(template, 'tools') && chooseFormat(template).calls !== undefined;
  return ['completion', ...(callsTools ? ['tools'] : []), ...(canThink(templates) ? ['thinking'] : [])];
}
