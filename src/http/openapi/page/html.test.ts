import { describe, expect, it } from 'vitest';
import { html, phrase, prose } from './html.js';

describe('html', () => {
  it('escapes what is put into it, in elements and in attributes', () => {
    const bad = `<b>&"'`;
    expect(html`<p title="${bad}">${bad}</p>`.text).toBe(
      '<p title="&lt;b&gt;&amp;&quot;&#39;">&lt;b&gt;&amp;&quot;&#39;</p>',
    );
  });

  it('takes HTML, and lists of it, as they are', () => {
    const items = [html`<li>${1}</li>`, html`<li>${'<'}</li>`];
    expect(html`${items}`.text).toBe('<li>1</li><li>&lt;</li>');
  });
});

describe('phrase', () => {
  it('knows code, and escapes it', () => {
    expect(phrase('a `<b>` c').text).toBe('a <code>&lt;b&gt;</code> c');
    expect(phrase('a ` b').text).toBe('a ` b');
  });
});

describe('prose', () => {
  it('knows paragraphs and lists', () => {
    expect(prose('One <.\n\n- a\n- `b`').text.replaceAll(/\s*\n\s*/g, '')).toBe(
      '<p>One &lt;.</p><ul><li>a</li><li><code>b</code></li></ul>',
    );
  });
});
