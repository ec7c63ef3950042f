import type { MediaType, OpenApiDocument, OperationObject } from '../document.js';
import type { ErrorResponse } from '../error-responses.js';
import type { JsonSchema } from '../json-schema.js';
import { examplesOf, type PlacedOperation } from './example.js';
import { html, none, phrase, prose, type Html } from './html.js';
import { parametersOf, parameterTable } from './parameter-table.js';
import { fieldsOf } from './schema-text.js';

type Schemas = OpenApiDocument['components']['schemas'];

/** Of operations: what they are asked with, and answer. */
export function operationArticle(
  placed: PlacedOperation,
  { schemas, alsoAt }: { readonly schemas: Schemas; readonly alsoAt: readonly string[] },
): Html {
  const { method, path, operation } = placed;
  const { operationId: id, summary, description } = operation;
  return html`<article id="${id}" aria-labelledby="${id}-title">
    <h3 id="${id}-title"><a class="anchor" href="#${id}">${phrase(summary)}</a></h3>
    <p class="endpoint">
      <span class="method ${method}">${method.toUpperCase()}</span>
      <code>${path}</code>${accessMark(operation)}
    </p>
    ${alsoAt.length === 0 ? none : html`<p>Also at ${phrase(alsoAt.map((one) => `\`${one}\``).join(' and '))}.</p>`}
    ${description === undefined ? none : prose(description)} ${outerParameters(operation)}
    ${bodyTables(operation, schemas)} ${examples(placed)} ${answers(operation, schemas)} ${errors(operation)}
  </article>`;
}

function accessMark({ security: [first] }: OperationObject): Html {
  if (first === undefined) return html` <span class="access">needs no key</span>`;
  return 'adminBearer' in first ? html` <span class="access">needs the admin key</span>` : none;
}

function outerParameters({ operationId: id, parameters = [] }: OperationObject): Html {
  if (parameters.length === 0) return none;
  const groups = (['path', 'query', 'header'] as const).map((place) => {
    const own = parameters.filter((parameter) => parameter.in === place);
    if (own.length === 0) return none;
    const title = { path: 'In the path', query: 'In the query', header: 'Headers' }[place];
    const rows = own.map(({ name, schema, required, description }) => ({
      name,
      schema,
      isRequired: required,
      description,
    }));
    return html`<h4>${title}</h4>
      ${parameterTable(`${title} of ${id}`, rows)}`;
  });
  return html`${groups}`;
}

function bodyTables({ operationId: id, requestBody }: OperationObject, schemas: Schemas): Html {
  if (requestBody === undefined) return none;
  const body = resolved(requestBody.content['application/json'].schema, schemas);
  const all = parametersOf(body);
  const supported = all.filter(({ schema }) => schema['x-unsupported'] !== true);
  const others = all.filter(({ schema }) => schema['x-unsupported'] === true);
  return html`<h4>Body</h4>
    ${body.description === undefined ? none : prose(body.description)}
    ${
      supported.length === 0
        ? html`<p>An empty object, or nothing.</p>`
        : parameterTable(`Body of ${id}`, supported)
    }
    ${
      others.length === 0
        ? none
        : html`<details class="others">
            <summary>Parameters that are not supported, and what passes</summary>
            ${parameterTable(`Parameters of ${id} that are not supported`, others)}
          </details>`
    }`;
}

function examples(placed: PlacedOperation): Html {
  const { operationId: id } = placed.operation;
  return html`<h4>Example</h4>
    ${examplesOf(placed).map(
      ({ title, code }) =>
        html`<figure class="example">
          <figcaption>${title}</figcaption>
          <pre tabindex="0" role="region" aria-label="${title} for ${id}"><code>${code}</code></pre>
        </figure>`,
    )}`;
}

function answers({ operationId: id, responses }: OperationObject, schemas: Schemas): Html {
  const answer = responses['200'];
  if (answer === undefined) return none;
  return html`<h4>Answer</h4>
    <p>${phrase(answer.description)}</p>
    ${Object.entries(answer.content).map(([type, media]) => mediaType(id, type, media, schemas))}`;
}

function mediaType(id: string, type: string, media: MediaType, schemas: Schemas): Html {
  const item = media['x-item-schema'];
  const schema = resolved(item ?? media.schema, schemas);
  const objects = fieldsOf(schema);
  const text = media.schema.description;
  return html`<p><code>${type}</code>${text === undefined ? none : html` ${phrase(text)}`}</p>
    ${objects.map(
      ({ name, schema: one }) =>
        html`<details>
          <summary>${name === '' ? titleOf(type, item) : html`<code>${name}</code>`}</summary>
          ${parameterTable(`${type} of ${id} ${name}`.trim(), parametersOf(one))}
        </details>`,
    )}`;
}

function titleOf(type: string, item: JsonSchema | undefined): string {
  if (item === undefined) return 'Fields';
  return type === 'text/event-stream' ? 'Fields of an event' : 'Fields of a line';
}

function errors({ operationId: id, responses }: OperationObject): Html {
  const failed = Object.entries(responses).filter(([status]) => status !== '200') as [
    string,
    ErrorResponse,
  ][];
  const rows = failed.flatMap(([status, response]) =>
    Object.entries(response['x-error-codes']).map(
      ([code, meaning]) =>
        html`<tr>
          <td>${status}</td>
          <th scope="row"><code>${code}</code></th>
          <td>${phrase(meaning)}</td>
        </tr>`,
    ),
  );
  return html`<details class="errors">
    <summary>Errors</summary>
    <table>
      <caption>
        Errors of ${id}
      </caption>
      <thead>
        <tr>
          <th scope="col">Status</th>
          <th scope="col">Code</th>
          <th scope="col">When</th>
        </tr>
      </thead>
      <tbody>
        ${rows}
      </tbody>
    </table>
  </details>`;
}

function resolved(schema: JsonSchema, schemas: Schemas): JsonSchema {
  const name = schema.$ref?.split('/').at(-1);
  return name === undefined ? schema : (schemas[name] ?? schema);
}
