import { createHash } from 'node:crypto';
import { Script } from 'node:vm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { version } from '../../../src/core/version.js';
import { referencePage } from '../../../src/http/openapi/page/reference-page.js';
import { FakeServer } from '../fake-server.js';
import { apiKey, policy } from '../security/access.js';
import { plainRequest } from '../security/plain-request.js';
import { allOperations, document } from './document-schemas.js';
import { elementsOf, idsOf } from './html-elements.js';

let server: FakeServer;
let page: string;
let headers: Headers;

beforeAll(async () => {
  server = await FakeServer.start(
    { fake: 'fake:?' },
    {},
    { access: () => policy({ keys: [apiKey('api-key-0123456789')], allowedHosts: ['*'] }) },
  );
  const response = await fetch(`${server.url}/docs`);
  headers = response.headers;
  page = await response.text();
});
afterAll(async () => server.stop());

describe('GET /docs', () => {
  it('is a page, for everybody', () => {
    expect(headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(page).toMatch(/^<!doctype html>/i);
    expect(page).toContain(`<title>heddle ${version}: API reference</title>`);
  });

  it('has every operation, in the navigation and in the text', () => {
    const shown = allOperations.filter(({ operation }) => operation['x-same-as'] === undefined);
    for (const { operation, path } of shown) {
      expect(page).toContain(`href="#${operation.operationId}"`);
      expect(page).toContain(`<article id="${operation.operationId}"`);
      expect(page).toContain(`<code>${path}</code>`);
    }
    for (const path of ['/rerank', '/v2/rerank']) expect(page).toContain(`<code>${path}</code>`);
  });

  it('has the parameters with their kinds, defaults, bounds and descriptions', () => {
    const row = rowOf('createChatCompletion', 'temperature');
    expect(row).toContain('number');
    expect(row).toContain('0 to 2');
    expect(row).toContain('<code>0.8</code>');
    expect(row).toContain('0 is greedy');
    expect(rowOf('createChatCompletion', 'messages')).toContain('required');
    expect(rowOf('createMessage', 'max_tokens')).toContain('1 or more');
    // Objects are unfolded in place.
    expect(rowOf('createChatCompletion', 'stream_options')).toContain('<code>include_usage</code>');
  });

  it('has the error codes of an operation, with what they mean', () => {
    const article = articleOf('createChatCompletion');
    for (const code of ['context_length_exceeded', 'rate_limited', 'insufficient_memory'])
      expect(article).toContain(`<code>${code}</code>`);
    expect(article).not.toContain('response_not_found');
    expect(articleOf('listEngines')).toContain('permission_denied');
  });

  it('has examples that name the server as it was asked', () => {
    expect(articleOf('createChatCompletion')).toContain(`curl ${server.url}/v1/chat/completions`);
    expect(articleOf('createMessage')).toContain(`baseURL: &#39;${server.url}&#39;`);
    expect(page).not.toContain('@@');
  });

  it('has elements that are closed, landmarks, and headings in order', () => {
    const elements = elementsOf(page);
    const count = (name: string): number => elements.filter((one) => one.name === name).length;
    expect([count('main'), count('nav'), count('header'), count('h1')]).toEqual([1, 1, 1, 1]);
    expect(page).toContain('<html lang="en">');
    const levels = elements.flatMap(({ name, parents }) =>
      /^h\d$/.test(name) && parents.includes('main') ? [Number(name.slice(1))] : [],
    );
    expect(levels.length).toBeGreaterThan(100);
    for (const [index, level] of levels.entries())
      expect(level - (levels[index - 1] ?? 0)).toBeLessThanOrEqual(1);
    expect(elements.filter((one) => one.name === 'table' && !one.children.includes('caption'))).toEqual([]);
  });

  it('has ids that are there once, and links that lead to one', () => {
    const ids = idsOf(page);
    expect(new Set(ids).size).toBe(ids.length);
    const targets = [...page.matchAll(/href="#([^"]+)"/g)].map(([, id]) => id);
    expect(targets.filter((id) => id === undefined || !ids.includes(id))).toEqual([]);
  });

  it('loads nothing from anywhere, and may not', () => {
    expect([...page.matchAll(/\b(?:src|srcset|action)=|@import|url\(/g)]).toEqual([]);
    const links = [...page.matchAll(/href="([^"#][^"]*)"/g)].map(([, to]) => to);
    expect(links).toEqual(['/openapi.json']);
    const rules = new Map(
      headers
        .get('content-security-policy')
        ?.split('; ')
        .map((rule) => rule.split(' ') as [string, string]),
    );
    expect(rules.get('default-src')).toBe("'none'");
    expect(rules.get('frame-ancestors')).toBe("'none'");
    expect(rules.get('style-src')).toBe(hashOf('style'));
    expect(rules.get('script-src')).toBe(hashOf('script'));
    expect(page).not.toMatch(/ style="| on\w+="/);
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('referrer-policy')).toBe('no-referrer');
  });

  it('has a script that is one', () => {
    const [, script = ''] = /<script>([^]*?)<\/script>/.exec(page) ?? [];
    expect(() => new Script(script)).not.toThrow();
    expect(script.length).toBeGreaterThan(200);
  });

  it('tells a browser that has it that it is the same', async () => {
    const tag = headers.get('etag') ?? '';
    expect(tag).toMatch(/^"[\w-]+"$/);
    expect(headers.get('cache-control')).toBe('no-cache');
    for (const known of [tag, `"other", W/${tag}`]) {
      const again = await fetch(`${server.url}/docs`, { headers: { 'if-none-match': known } });
      expect([again.status, await again.text()]).toEqual([304, '']);
    }
    const other = await fetch(`${server.url}/docs`, { headers: { 'if-none-match': '"other"' } });
    expect(other.status).toBe(200);
  });

  it.each(['"><script>alert(1)</script>', "'onclick='", 'a b@c', '$&.example', '127.0.0.1:8000/x'])(
    'takes no name of a server from a request that is none: %s',
    async (host) => {
      const { status, body } = await plainRequest(`${server.url}/docs`, { headers: { host } });
      const isShown = body.includes('curl http://127.0.0.1:8000/v1/chat/completions');
      expect([status, isShown]).toEqual(status === 200 ? [200, true] : [403, false]);
      expect(body.includes(host)).toBe(false);
    },
  );
});

describe('GET /openapi.json', () => {
  it('is the document, for everybody, kept by browsers until it is another', async () => {
    const response = await fetch(`${server.url}/openapi.json`);
    expect(response.headers.get('content-type')).toBe('application/json; charset=utf-8');
    expect(await response.json()).toEqual(JSON.parse(JSON.stringify(document)));
    const tag = response.headers.get('etag') ?? '';
    const again = await fetch(`${server.url}/openapi.json`, { headers: { 'if-none-match': tag } });
    expect([again.status, await again.text()]).toEqual([304, '']);
  });
});

describe('the page of a document', () => {
  it('escapes all that is in it', () => {
    const bad = `</code><script>alert("1")</script>' onclick='x`;
    const [path, operation] = Object.entries(document.paths)[0] ?? [];
    if (path === undefined || operation?.['post'] === undefined) throw new Error('no operation');
    const schema = {
      type: 'object',
      description: bad,
      properties: { [bad]: { type: 'string', description: bad, pattern: bad, default: bad, enum: [bad] } },
      required: [bad],
    };
    const parameter = { name: bad, in: 'query' as const, required: true, description: bad, schema };
    const { text } = referencePage({
      ...document,
      info: { ...document.info, title: bad, description: bad, summary: bad },
      tags: document.tags.map((tag) => ({ ...tag, description: bad })),
      paths: {
        [bad]: {
          post: {
            ...operation['post'],
            operationId: bad,
            summary: bad,
            description: bad,
            parameters: [parameter],
            requestBody: {
              required: true,
              content: { 'application/json': { schema, example: { [bad]: bad } } },
            },
            responses: { 200: { description: bad, headers: {}, content: { [bad]: { schema } } } },
          },
        },
      },
    });
    expect(text.match(/<script/g)).toHaveLength(1);
    expect(text).not.toContain(bad);
    expect(text).not.toContain('alert("1")');
    expect(
      elementsOf(text).filter(({ attributes }) => /onclick/.test(attributes.replaceAll(/"[^"]*"/g, ''))),
    ).toEqual([]);
    expect(text).toContain('&lt;script&gt;alert(&quot;1&quot;)');
  });
});

function hashOf(element: 'style' | 'script'): string {
  const [, content = ''] = new RegExp(`<${element}>([^]*?)</${element}>`).exec(page) ?? [];
  return `'sha256-${createHash('sha256').update(content).digest('base64')}'`;
}

function articleOf(id: string): string {
  const from = page.indexOf(`<article id="${id}"`);
  return page.slice(from, page.indexOf('</article>', from));
}

/** From a parameter of the body to the next one. */
function rowOf(id: string, name: string): string {
  const article = articleOf(id);
  const body = article.slice(article.indexOf('>Body<')).replaceAll(/>\s+</g, '><');
  const from = body.indexOf(`<th scope="row"><code>${name}</code>`);
  // What is unfolded has rows of its own.
  let depth = 0;
  for (const tag of body.slice(from).matchAll(/<(\/?)tr>/g)) {
    depth += tag[1] === '/' ? -1 : 1;
    if (depth < 0) return body.slice(from, from + tag.index);
  }
  throw new Error(`There is no row of ${name}.`);
}
