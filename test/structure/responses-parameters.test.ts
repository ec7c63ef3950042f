import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { responsesNeutral, responsesSchema } from '../../src/http/openai/responses/responses-schema.js';

/** The official client's types, as they are installed. */
const types = readFileSync(
  join(dirname(createRequire(import.meta.url).resolve('openai')), 'resources/responses/responses.d.ts'),
  'utf8',
);

/** Parameters of `POST /v1/responses`, as the official client has them. */
const parameters = ['ResponseCreateParamsBase', 'ResponseCreateParamsStreaming'].flatMap((name) => {
  const [, body = ''] = new RegExp(`^export interface ${name}[^{]*\\{\\n([^]*?)^\\}`, 'm').exec(types) ?? [];
  return [...body.matchAll(/^ {4}(\w+)\??: /gm)].map(([, parameter = '']) => parameter);
});

const api = readFileSync('docs/api.md', 'utf8');
const section = /^## Responses\n[^]*?(?=^##)/m.exec(api)?.[0] ?? '';

/** What the table says is done with each of them. */
const verdicts = new Map(
  [...section.matchAll(/^\| (`[^|]+`) \| (\w+) \|/gm)].flatMap(([, names = '', verdict = '']) =>
    [...names.matchAll(/`(\w+)`/g)].map(([, name = '']) => [name, verdict] as const),
  ),
);

describe('the table of parameters of /v1/responses in docs/api.md', () => {
  it('says of every parameter of the official client that it is honoured or refused', () => {
    expect(parameters.length).toBeGreaterThan(25);
    expect([...verdicts.keys()].toSorted()).toEqual([...new Set(parameters)].toSorted());
    expect(new Set(verdicts.values())).toEqual(new Set(['honoured', 'refused']));
  });

  it('says what is done', () => {
    const accepted = Object.keys(responsesSchema.shape);
    const withVerdict = (wanted: string): string[] =>
      [...verdicts].flatMap(([name, verdict]) => (verdict === wanted ? [name] : []));
    expect(withVerdict('honoured').filter((name) => !accepted.includes(name))).toEqual([]);
    expect(withVerdict('refused').toSorted()).toEqual(Object.keys(responsesNeutral).toSorted());
    expect(accepted.filter((name) => name in responsesNeutral)).toEqual([]);
  });

  it('names every extension', () => {
    const extensions = Object.keys(responsesSchema.shape).filter((name) => !verdicts.has(name));
    expect(extensions.filter((name) => !section.includes(`\`${name}\``))).toEqual([]);
  });
});
