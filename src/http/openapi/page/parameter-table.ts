import type { JsonSchema } from '../json-schema.js';
import { html, none, phrase, type Html } from './html.js';
import { boundsText, fieldsOf, typeText } from './schema-text.js';

/** A row of a table of parameters. */
export interface Parameter {
  readonly name: string;
  readonly schema: JsonSchema;
  readonly isRequired: boolean;
  readonly description?: string | undefined;
}

/** Objects inside of each other that are unfolded in a page at most; a schema that has itself in it has no end. */
const deepest = 8;

/** The fields of an object. */
export function parametersOf({ properties = {}, required = [] }: JsonSchema): readonly Parameter[] {
  const parameters = Object.entries(properties).map(([name, schema]) => ({
    name,
    schema,
    isRequired: required.includes(name),
    description: schema.description,
  }));
  return [
    ...parameters.filter(({ isRequired }) => isRequired),
    ...parameters.filter((one) => !one.isRequired),
  ];
}

/**
 * A table of names, kinds, defaults, bounds and descriptions; objects can be unfolded.
 * @param caption what they are parameters of; read out, and not shown
 */
export function parameterTable(caption: string, parameters: readonly Parameter[], depth = 0): Html {
  return html`<table>
    <caption>
      ${caption}
    </caption>
    <thead>
      <tr>
        <th scope="col">Name</th>
        <th scope="col">Type</th>
        <th scope="col">Default</th>
        <th scope="col">Description</th>
      </tr>
    </thead>
    <tbody>
      ${parameters.map((parameter) => row(parameter, depth))}
    </tbody>
  </table>`;
}

function row({ name, schema, isRequired, description }: Parameter, depth: number): Html {
  const bounds = boundsText(schema);
  return html`<tr>
    <th scope="row">
      <code>${name}</code>${isRequired ? html` <span class="required">required</span>` : none}
    </th>
    <td>
      <span class="type">${typeText(schema)}</span
      >${bounds === '' ? none : html`<span class="bounds">${bounds}</span>`}
    </td>
    <td>${schema.default === undefined ? none : html`<code>${JSON.stringify(schema.default)}</code>`}</td>
    <td>
      ${description === undefined ? none : html`<p>${phrase(description)}</p>`}${nested(name, schema, depth)}
    </td>
  </tr>`;
}

function nested(name: string, schema: JsonSchema, depth: number): Html {
  if (depth >= deepest) return none;
  const objects = fieldsOf(schema);
  return html`${objects.map(
    (one) =>
      html`<details>
        <summary>
          ${one.name === '' ? html`Fields of <code>${name}</code>` : html`<code>${one.name}</code>`}
        </summary>
        ${parameterTable(`${name} ${one.name}`.trim(), parametersOf(one.schema), depth + 1)}
      </details>`,
  )}`;
}
