import { chromium, type Browser, type BrowserContextOptions, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findBrowser } from './browser.js';
import { ServerProcess } from './server-process.js';

const executablePath = findBrowser();
const why =
  executablePath === undefined
    ? ' (skipped: there is no Chromium on the PATH, nor in HEDDLE_TEST_BROWSER)'
    : '';

describe.skipIf(executablePath === undefined)(`the API reference in a browser${why}`, () => {
  let server: ServerProcess;
  let browser: Browser;

  beforeAll(async () => {
    server = await ServerProcess.start();
    browser = await chromium.launch({
      ...(executablePath === undefined ? {} : { executablePath }),
      // Root has no sandbox, which is who tests in a container.
      chromiumSandbox: process.getuid?.() !== 0,
    });
  });

  afterAll(async () => {
    await browser.close();
    expect(await server.stop()).toBe(0);
  });

  /** @returns the page, and all that went wrong on it or was asked of others, so far */
  async function open(options: BrowserContextOptions = {}): Promise<{ page: Page; troubles: string[] }> {
    const context = await browser.newContext({ ...options, baseURL: server.url });
    const page = await context.newPage();
    const troubles: string[] = [];
    page.on('console', (message) => troubles.push(message.text()));
    page.on('pageerror', (error) => troubles.push(error.message));
    page.on('request', (request) => {
      const { origin, pathname } = new URL(request.url());
      if (origin !== server.url || pathname !== '/docs') troubles.push(request.url());
    });
    await page.goto('/docs');
    return { page, troubles };
  }

  const shown = 'nav li:visible a';

  it('loads nothing else, breaks no policy, and leads to each operation', async () => {
    const { page, troubles } = await open();
    expect(await page.title()).toContain('heddle');
    const links = await page.locator(shown).all();
    expect(links.length).toBeGreaterThan(30);
    for (const link of links) {
      const target = (await link.getAttribute('href')) ?? '';
      await link.click();
      expect(new URL(page.url()).hash).toBe(target);
      await page.locator(`[id="${target.slice(1)}"]`).waitFor({ state: 'visible' });
    }
    expect(troubles).toEqual([]);
    await page.context().close();
  });

  it('filters its navigation as one types', async () => {
    const { page, troubles } = await open();
    const all = await page.locator(shown).count();
    await page.getByLabel('Filter').fill('count');
    const found = await page.locator(shown).allTextContents();
    expect(found.length).toBeLessThan(all);
    expect(found.join()).toContain('/v1/messages/count_tokens');
    await page.getByLabel('Filter').fill('no such thing');
    expect(await page.locator(shown).count()).toBe(0);
    await page.locator('#nothing').waitFor({ state: 'visible' });
    await page.getByLabel('Filter').fill('');
    expect(await page.locator(shown).count()).toBe(all);
    expect(troubles).toEqual([]);
    await page.context().close();
  });

  it('copies examples that work as they are', async () => {
    const { page } = await open({ permissions: ['clipboard-read', 'clipboard-write'] });
    const example = page.locator('figure.example').first();
    await example.getByRole('button', { name: 'Copy' }).click();
    await example.getByRole('button', { name: 'Copied' }).waitFor();
    const copied = await page.evaluate<string>('navigator.clipboard.readText()');
    expect(copied).toBe(await example.locator('code').textContent());
    expect(copied).toContain(`${server.url}/v1/chat/completions`);
    await page.context().close();
  });

  it('is all there without scripts', async () => {
    const { page } = await open({ javaScriptEnabled: false });
    expect(await page.locator(shown).count()).toBeGreaterThan(30);
    expect(await page.getByLabel('Filter').isVisible()).toBe(false);
    const details = page.locator('main details').first();
    await details.locator('summary').first().click();
    expect(await details.getAttribute('open')).not.toBeNull();
    await page.context().close();
  });

  it('is dark where that is preferred', async () => {
    const brightness = async (colorScheme: 'light' | 'dark'): Promise<number> => {
      const { page } = await open({ colorScheme });
      const color = await page.evaluate<string>('getComputedStyle(document.body).backgroundColor');
      await page.context().close();
      const [red = NaN, green = NaN, blue = NaN] = (color.match(/[\d.]+/g) ?? []).map(Number);
      return red + green + blue;
    };
    expect(await brightness('light')).toBeGreaterThan(600);
    expect(await brightness('dark')).toBeLessThan(150);
  });

  it.each([360, 768, 1400])('has no more than its width, %i pixels', async (width) => {
    const { page } = await open({ viewport: { width, height: 800 } });
    const overflow = await page.evaluate<number>(
      'document.documentElement.scrollWidth - document.documentElement.clientWidth',
    );
    expect(overflow).toBe(0);
    await page.context().close();
  });

  it('can be used with the keyboard', async () => {
    const { page } = await open();
    const focused = async (): Promise<string> =>
      page.evaluate<string>('document.activeElement.textContent || document.activeElement.id');
    const seen: string[] = [];
    for (let step = 0; step < 12; step++) {
      await page.keyboard.press('Tab');
      seen.push(await focused());
    }
    expect(new Set(seen).size).toBeGreaterThan(8);
    expect(seen).toContain('filter');
    await page.context().close();
  });
});
