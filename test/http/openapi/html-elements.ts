/** An element of a page. */
export interface HtmlElement {
  readonly name: string;
  /** The text between its name and the end of its tag. */
  readonly attributes: string;
  /** Names of those that it is in, from the outermost. */
  readonly parents: readonly string[];
  /** Names of those directly in it. */
  readonly children: string[];
}

const voids: readonly string[] = ['meta', 'input', 'br', 'link', 'hr', 'img'];

/**
 * The elements of a page in order.
 * @throws Error where one is not closed, or closed in the wrong place
 */
export function elementsOf(page: string): readonly HtmlElement[] {
  const text = page.replaceAll(/(<(style|script)>)[^]*?(<\/\2>)/g, '$1$3');
  const elements: HtmlElement[] = [];
  const open: HtmlElement[] = [];
  for (const [tag, end = '', name = '', attributes = ''] of text.matchAll(
    /<(\/?)([a-z]\w*)((?:\s+[\w-]+(?:="[^"]*")?)*)\s*\/?>|<(?!!doctype)/gi,
  )) {
    if (name === '') throw new Error(`Something begins here that is no tag: ${tag}`);
    if (end === '/') {
      const last = open.pop();
      if (last?.name !== name) throw new Error(`${last?.name ?? 'nothing'} is open where ${name} is closed.`);
      continue;
    }
    const element = { name, attributes, parents: open.map((one) => one.name), children: [] };
    open.at(-1)?.children.push(name);
    elements.push(element);
    if (!voids.includes(name)) open.push(element);
  }
  if (open.length > 0) throw new Error(`${open.map(({ name }) => name).join(' ')} is open at the end.`);
  return elements;
}

/** All ids of a page. */
export function idsOf(page: string): string[] {
  return [...page.matchAll(/ id="([^"]+)"/g)].map(([, id = '']) => id);
}
