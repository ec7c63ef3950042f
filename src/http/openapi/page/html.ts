/** Text that is HTML already, and goes into a page as it is. */
export class Html {
  readonly text: string;

  /** @param text well-formed, with all that came from elsewhere escaped: see {@link html} */
  constructor(text: string) {
    this.text = text;
  }
}

type Part = string | number | Html | readonly Part[];

/** HTML of a template: everything that is put into it is escaped, unless it is {@link Html} itself. Attributes need quotes. */
export function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Html {
  const texts = strings.map(withoutIndents);
  return new Html(texts.reduce((page, text, index) => page + write(parts[index - 1] ?? '') + text));
}

/** Those of the code are a third of a page. */
function withoutIndents(text: string): string {
  return text.replaceAll(/\n\s+/g, '\n');
}

function write(part: Part): string {
  if (part instanceof Html) return part.text;
  if (typeof part === 'string' || typeof part === 'number') return escapeText(String(part));
  return part.map(write).join('');
}

/** Text, as it stands in an element or in a quoted attribute. */
export function escapeText(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => entities[character] ?? character);
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Nothing. */
export const none = new Html('');

/** Paragraphs, lists of lines that begin with `- `, and `code`, as the texts of the document have them. */
export function prose(text: string): Html {
  const blocks = text.split('\n\n').map((block) => {
    const lines = block.split('\n');
    if (!lines.every((line) => line.startsWith('- '))) return html`<p>${phrase(block)}</p>`;
    return html`<ul>
      ${lines.map((line) => html`<li>${phrase(line.slice(2))}</li>`)}
    </ul>`;
  });
  return html`${blocks}`;
}

/** A text with `code` in it. */
export function phrase(text: string): Html {
  const parts = text.split('`');
  // A backtick without another one is just that.
  if (parts.length % 2 === 0) return html`${text}`;
  return html`${parts.map((part, index) => (index % 2 === 0 ? html`${part}` : html`<code>${part}</code>`))}`;
}
