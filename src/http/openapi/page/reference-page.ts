import { createHash } from 'node:crypto';
import type { OpenApiDocument, OperationObject } from '../document.js';
import type { PlacedOperation } from './example.js';
import { Html, html, prose } from './html.js';
import { operationArticle } from './operation-article.js';
import { script } from './script.js';
import { style } from './style.js';

/** The reference as a page, and the policy that it is to be sent with. */
export interface ReferencePage {
  /** With `originMark` where the address of the server is to be. */
  readonly text: string;
  /** `content-security-policy`: nothing but the page's own style and script, which are in it. */
  readonly policy: string;
}

/** Writes the document down for people. It is all there without the script, which filters and copies. */
export function referencePage(document: OpenApiDocument): ReferencePage {
  const all: readonly PlacedOperation[] = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ method, path, operation })),
  );
  const groups = document.tags.map((tag) => ({
    ...tag,
    id: `api-${tag.name.toLowerCase()}`,
    operations: all.filter(({ operation }) => operation.tags[0] === tag.name && !isAlias(operation)),
  }));
  const { title, version, summary, description } = document.info;
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>${title} ${version}: API reference</title>
        ${inline('style', style)}
      </head>
      <body>
        <a class="skip" href="#content">Skip to the reference</a>
        <header>
          <p class="brand">${title} <span>${version}</span></p>
          <p><a href="/openapi.json">openapi.json</a></p>
        </header>
        <nav aria-label="Operations">
          <div class="filter" hidden>
            <label for="filter">Filter</label
            ><input id="filter" type="search" autocomplete="off" placeholder="path or word" />
          </div>
          ${groups.map(
            ({ name, id, operations }) =>
              html`<section>
                <h2><a href="#${id}">${name}</a></h2>
                <ul>
                  ${operations.map(navigationItem)}
                </ul>
              </section>`,
          )}
          <p id="nothing" role="status" hidden>Nothing is called so.</p>
        </nav>
        <main id="content" tabindex="-1">
          <h1>API reference</h1>
          <p class="lead">${summary}.</p>
          ${prose(description)}
          ${groups.map(
            (group) =>
              html`<section aria-labelledby="${group.id}">
                <h2 id="${group.id}">${group.name}</h2>
                ${prose(group.description)}
                ${group.operations.map((placed) =>
                  operationArticle(placed, {
                    schemas: document.components.schemas,
                    alsoAt: otherPaths(placed, all),
                  }),
                )}
              </section>`,
          )}
        </main>
        ${inline('script', script)}
      </body>
    </html> `;
  return { text: page.text, policy: policy() };
}

function navigationItem({ method, path, operation }: PlacedOperation): Html {
  const { operationId: id, summary } = operation;
  return html`<li data-words="${`${method} ${path} ${summary}`.toLowerCase()}">
    <a href="#${id}"><span class="method ${method}">${method.toUpperCase()}</span><code>${path}</code></a>
  </li>`;
}

/** Its content is what the policy has a hash of, to the letter. */
function inline(element: 'style' | 'script', content: string): Html {
  return new Html(`<${element}>${content}</${element}>`);
}

function isAlias(operation: OperationObject): boolean {
  return operation['x-same-as'] !== undefined;
}

function otherPaths({ operation }: PlacedOperation, all: readonly PlacedOperation[]): readonly string[] {
  return all
    .filter((other) => other.operation['x-same-as'] === operation.operationId)
    .map(({ path }) => path);
}

function policy(): string {
  const hash = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
  return [
    "default-src 'none'",
    `style-src ${hash(style)}`,
    `script-src ${hash(script)}`,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
}
