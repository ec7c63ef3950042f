import { describe, expect, it } from 'vitest';
import { parseMetrics, valueOf } from './metrics-text.js';

const histogram = (...lines: string[]): string =>
  ['# HELP h x', '# TYPE h histogram', ...lines.map((line) => `h_${line}`), ''].join('\n');

describe('the parser of metrics', () => {
  it('reads names, escaped labels and values', () => {
    const families = parseMetrics(
      '# HELP a:b some\n# TYPE a:b gauge\na:b{x="1",y="a\\"\\\\\\n,}"} 1.5e-7\n\n# HELP c c\n# TYPE c counter\nc 2\n',
    );
    expect(valueOf(families, 'a:b', { y: 'a"\\\n,}', x: '1' })).toBe(1.5e-7);
    expect(valueOf(families, 'c')).toBe(2);
    expect(valueOf(families, 'a:b')).toBeUndefined();
    expect(families.get('a:b')).toMatchObject({ type: 'gauge', help: 'some' });
  });

  it.each([
    ['a sample without HELP and TYPE', 'a 1\n'],
    ['a metric without HELP', '# TYPE a gauge\na 1\n'],
    ['a metric without TYPE', '# HELP a a\na 1\n'],
    ['a metric that comes twice', '# HELP a a\n# TYPE a gauge\n# HELP a a\n# TYPE a gauge\n'],
    ['a sample that comes twice', '# HELP a a\n# TYPE a gauge\na{x="1",y="2"} 1\na{y="2",x="1"} 1\n'],
    ['a sample of another name', '# HELP a a\n# TYPE a gauge\nb 1\n'],
    ['a label that is not escaped', '# HELP a a\n# TYPE a gauge\na{x="""} 1\n'],
    ['a value that is none', '# HELP a a\n# TYPE a gauge\na undefined\n'],
    ['a negative counter', '# HELP a a\n# TYPE a counter\na -1\n'],
    ['a text without an end', '# HELP a a\n# TYPE a gauge\na 1'],
    ['a histogram without +Inf', histogram('bucket{le="1"} 1', 'sum 1', 'count 1')],
    ['a histogram that falls', histogram('bucket{le="1"} 2', 'bucket{le="+Inf"} 1', 'sum 1', 'count 1')],
    ['a histogram that counts otherwise', histogram('bucket{le="+Inf"} 1', 'sum 1', 'count 2')],
    ['a histogram without a sum', histogram('bucket{le="+Inf"} 1', 'count 1')],
  ])('refuses %s', (_, text) => {
    expect(() => parseMetrics(text)).toThrow(Error);
  });
});
