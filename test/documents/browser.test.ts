import axe from 'axe-core';
import { expect } from 'chai';
import { chromium, type Browser, type Page } from 'playwright-core';
import platformFleet from '../../config/fleet.js';
import { oddFleet } from './support/odd-fleet.js';
import { serveFleet } from './support/serve-fleet.js';

const setup = new URL('../../scripts/chromium.mjs', import.meta.url).href;
const TOKEN = 'correct-horse';
/** Narrower than a phone, and than a window of 1280 pixels at a zoom of 200 %. */
const NARROW = { width: 360, height: 740 };
const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--disable-background-networking', '--disable-sync'];

interface Visit {
  page: Page;
  /** What must not happen: messages of the console, dialogs, and requests to other hosts. */
  faults: string[];
}

describe('the pages of a fleet in Chromium (pending if it is not installed: apt-get install chromium)', function () {
  this.timeout(60_000);
  let browser: Browser | undefined;
  let shop: Awaited<ReturnType<typeof serveFleet>>;
  let odd: Awaited<ReturnType<typeof serveFleet>>;

  before(async function () {
    const { findChromium } = (await import(setup)) as { findChromium: () => string | undefined };
    const executablePath = findChromium();
    if (executablePath === undefined) return this.skip();
    shop = await serveFleet(platformFleet, { token: TOKEN });
    odd = await serveFleet(oddFleet, { mount: '/fleet' });
    browser = await chromium.launch({ executablePath, args: FLAGS });
  });
  after(async () => {
    await browser?.close();
    await shop?.close();
    await odd?.close();
  });

  /** Opens a page with the password that the browser would ask for. */
  async function visit(
    url: string,
    { javaScriptEnabled = true }: { javaScriptEnabled?: boolean } = {},
  ): Promise<Visit> {
    if (browser === undefined) throw new Error('There is no browser');
    const httpCredentials = { username: 'ada', password: TOKEN };
    const context = await browser.newContext({ javaScriptEnabled, viewport: NARROW, httpCredentials });
    const page = await context.newPage();
    const faults: string[] = [];
    page.on('console', (message) => faults.push(`console: ${message.text()}`));
    page.on('pageerror', (error) => faults.push(`error: ${error.message}`));
    page.on('dialog', (dialog) => {
      faults.push(`dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
    page.on('request', (request) => {
      const { protocol, origin } = new URL(request.url());
      if (protocol !== 'data:' && origin !== new URL(url).origin) faults.push(`request: ${request.url()}`);
    });
    await page.goto(url);
    return { page, faults };
  }

  /** In light colours by all rules, then in dark ones by those about colours: the rest of the page is the same. */
  async function check({ page, faults }: Visit, name: string): Promise<void> {
    await page.evaluate(axe.source);
    await showIn(page, 'light');
    const violations = await violationsIn(page);
    await showIn(page, 'dark');
    violations.push(...(await violationsIn(page, ['color-contrast', 'link-in-text-block'])));
    expect(violations, `axe: ${name}`).to.deep.equal([]);
    expect(faults, name).to.deep.equal([]);
    const root = 'document.documentElement';
    const hidden = await page.evaluate<number>(`${root}.scrollWidth - ${root}.clientWidth`);
    expect(hidden, `${name}: pixels beyond the right edge`).to.equal(0);
  }

  it('have no violation of axe, no message in the console and no foreign request', async () => {
    const urls = [
      ...['/docs', '/docs/events', '/docs/events/order.created'].map((path) => shop.url + path),
      ...['/docs/events/parcel.posted', '/docs/events/script.ran'].map((path) => odd.url + path),
    ];
    for (const url of urls) {
      const visited = await visit(url);
      await check(visited, url);
      await visited.page.context().close();
    }
  });

  // one test, because Swagger UI takes seconds to show all routes
  it('show the routes with Swagger UI, closed, open and with the form for the token, and send requests with it', async () => {
    const visited = await visit(`${shop.url}/docs/http`);
    const { page } = visited;
    const operation = page.locator('#operations-Users-createUser');
    await operation.waitFor();
    await check(visited, 'closed');
    await operation.locator('.opblock-summary-control').click();
    await operation.getByText('Try it out').click();
    await operation.locator('textarea').waitFor();
    await check(visited, 'open');
    await page.getByRole('button', { name: 'Authorize' }).first().click();
    await page.locator('.auth-container input').waitFor();
    await check(visited, 'token');

    await page.locator('.auth-container input').fill(TOKEN);
    await page.locator('.auth-container').getByRole('button', { name: 'Authorize' }).click();
    await page.getByRole('button', { name: 'Close' }).first().click();
    const listed = page.locator('#operations-Operations-listMessageSchemas');
    await listed.locator('.opblock-summary-control').click();
    await listed.getByText('Try it out').click();
    const [answer] = await Promise.all([
      page.waitForResponse((response) => response.url() === `${shop.url}/schemas`),
      listed.getByRole('button', { name: 'Execute' }).click(),
    ]);
    expect(answer.status()).to.equal(200);
    expect(await answer.request().headerValue('authorization')).to.equal(`Bearer ${TOKEN}`);
    await page.context().close();
  });

  it('need no JavaScript where they are about messages, and can be used by keyboard', async () => {
    const { page, faults } = await visit(`${odd.url}/docs`, { javaScriptEnabled: false });
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    expect(page.url(), 'the first link skips the navigation').to.match(/#main$/);
    await page.keyboard.press('Tab');
    await Promise.all([page.waitForURL(/\/docs\/events$/), page.keyboard.press('Enter')]);
    await page.getByRole('link', { name: 'script.ran' }).focus();
    await Promise.all([page.waitForURL(/\/docs\/events\/script\.ran$/), page.keyboard.press('Enter')]);
    const field = page.getByRole('rowheader', { name: '<b>name</b>' });
    expect(await field.count()).to.equal(1);
    expect(await page.locator('body').innerText()).to.include('</script><script>alert(1)</script>');
    expect(faults).to.deep.equal([]);
    await page.context().close();
  });
});

/** Changes the colours. They change by transitions, which begin with the next frame. */
async function showIn(page: Page, colorScheme: 'light' | 'dark'): Promise<void> {
  await page.emulateMedia({ colorScheme });
  await page.evaluate('new Promise((next) => requestAnimationFrame(() => requestAnimationFrame(next)))');
  await page.evaluate('Promise.allSettled(document.getAnimations().map(({ finished }) => finished))');
}

/** What axe finds in the colours that the page has now. @param rules @default all */
function violationsIn(page: Page, rules?: string[]): Promise<string[]> {
  return page.evaluate(async (runOnly) => {
    const { violations } = await (globalThis as unknown as { axe: typeof axe }).axe.run(runOnly ? { runOnly } : {});
    return violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html.slice(0, 200)}`));
  }, rules);
}
