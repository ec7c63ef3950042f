import { Template } from '@huggingface/jinja';
import { describe, expect, it } from 'vitest';
import { TemplateComplaint, TemplateEngine } from './template-engine.js';

const render = (source: string, variables: Record<string, unknown> = {}): string =>
  new TemplateEngine(source).render(variables);

describe('a list of a template', () => {
  it('can be appended to and taken from, as that of a namespace too', () => {
    const queue = [
      '{%- set queue = namespace(ids=[]) -%}',
      '{%- for m in messages -%}',
      "{%- if m.role == 'assistant' -%}",
      "{%- for call in m['calls'] -%}{%- set _ = queue.ids.append(call['id']) -%}{{ call.id }},{%- endfor -%}",
      '{%- elif queue.ids -%}[{{ queue.ids.pop(0) }}]{%- else -%}[none]{%- endif -%}',
      '{%- endfor -%}{{ queue.ids | length }}',
    ].join('');
    const result = { role: 'tool' };
    const messages = [{ role: 'assistant', calls: [{ id: 'a' }, { id: 'b' }] }, result, result, result];
    expect(render(queue, { messages })).toBe('a,b,[a][b][none]0');
  });

  it('gives its last one where pop has no place, and is not that of another rendering', () => {
    const engine = new TemplateEngine(
      "{% set _ = list.append({'x': [1]}) %}{{ list.pop().x[0] }}{{ list.pop(-1) }}",
    );
    const variables = { list: [1, 2, 3] };
    expect(engine.render(variables)).toBe('13');
    expect(engine.render(variables)).toBe('13');
    expect(variables.list).toEqual([1, 2, 3]);
  });

  it('is taken from once, whatever is made of it', () => {
    expect(render('{{ list.pop().x.y | upper }}{{ list | length }}', { list: [1, { x: { y: 'z' } }] })).toBe(
      'Z1',
    );
  });

  it.each([
    '[].pop()',
    '[1].pop(3)',
    "[1].pop('x')",
    '[].append()',
    '[].append(1, 2)',
    '[].extend([1])',
    "'x'.append(1)",
  ])('can not do what Python would not: %s', (expression) => {
    expect(() => render(`{{ ${expression} }}`)).toThrow(/argument|index|integer|function/);
  });
});

describe('a dictionary with integers as keys', () => {
  const table = '{% set table = {512: 128, 0: 7, 16384: 1024} %}';

  it('is looked up and sorted by them', () => {
    expect(render(`${table}{{ table[0] }} {{ table[16384] }} {{ table[5] is defined }}`)).toBe(
      '7 1024 false',
    );
    expect(render(`${table}{{ table.get(512) }} {{ table.get(1, 'x') }} {{ table.get(1) is none }}`)).toBe(
      '128 x true',
    );
    const steps = `${table}{% set ns = namespace(x = None) %}{% for k, v in table | dictsort %}{{ k }},
      {%- if ns.x is none and budget <= k %}{% set ns.x = v %}{% endif %}{% endfor %}{{ ns.x }}`;
    expect(render(steps, { budget: 500 })).toBe('0,512,16384,128');
    expect(render(steps, { budget: -1 })).toBe('0,512,16384,7');
  });

  it('is gone through in its own order', () => {
    const keys = `${table}{% for k in table %}{{ k + 1 }} {% endfor %}{{ table | length }}`;
    expect(render(keys)).toBe('513 1 16385 3');
    for (const items of ['table.items()', 'table | items'])
      expect(render(`${table}{% for k, v in ${items} %}{{ k + v }} {% endfor %}`)).toBe('640 7 17408 ');
    expect(render(`${table}{{ table.values() | length }}{{ table.keys()[1] }}{{ table is mapping }}`)).toBe(
      '30true',
    );
    expect(render(`${table}{{ table | tojson }}`)).toBe('{"512": 128, "0": 7, "16384": 1024}');
  });

  it('has a key that comes again once', () => {
    expect(render('{% set t = {1: 2, 3: 4, 1: 5} %}{{ t[1] }}{{ t | length }}')).toBe('52');
  });
});

describe('the rest of a template', () => {
  it.each([
    '{% for i in range(messages | length - 1, -1, -1) %}{{ i }}{{ messages[i].content }}{% endfor %}',
    '{{ range(3) | length }}{{ true }}{{ False }}{{ none is none }}{{ None }}',
    "{{ messages[1:] | tojson(indent=2) }}{{ {'a': {'b': [1, 2]}}.a.b[-1] }}{{ {} }}{{ {}.x is defined }}",
    "{{ strftime_now('%Y') }}{{ messages[0]['content'].strip().split('i')[0] }}",
    "{% macro m(x, y=2) %}{{ x ~ y }}{% endmacro %}{{ m(1) }}{{ messages | selectattr('role', 'equalto', 'user') | list | length }}",
    "{{ messages | map(attribute='content') | join(', ') }}{{ {'b': 1, 'a': 2} | dictsort }}{{ 5 is integer }}",
  ])('is what the library makes of it: %s', (source) => {
    const messages = [
      { role: 'user', content: 'Hi' },
      { role: 'assistant', content: 'Ho' },
    ];
    expect(render(source, { messages })).toBe(new Template(source).render({ messages }));
  });

  it('complains in its own words', () => {
    expect(() => render("{{ raise_exception('no ' + 'system') }}")).toThrow(
      new TemplateComplaint('no system'),
    );
  });
});
