import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { createClient as generate } from '@hey-api/openapi-ts';
import { expect } from 'chai';
import { build } from 'esbuild';
import { run } from '../support/packed-package.js';
import { startShop, type Shop } from './support/shop.js';

/** TypeScript 7: a fifth of the processor time of 6. */
const tsc = fileURLToPath(new URL('../../node_modules/typescript-native/bin/tsc', import.meta.url));

/** A program that uses the generated client; every result has the types of the document. */
const PROGRAM = `
import { createUser, getOrder, listOrderEvents, placeOrder } from './index.js';
import type { NewOrder, Order } from './index.js';
import { client } from './client.gen.js';

export async function run(baseUrl: string, progress: () => Promise<unknown>) {
  client.setConfig({ baseUrl });
  const user = await createUser({ body: { name: 'Ada', email: 'ada@example.org' }, throwOnError: true });
  const order: NewOrder = {
    userId: user.data.id,
    currency: 'USD',
    items: [{ sku: 'item_1', quantity: 2, unitPrice: 1250 }],
    payment: { token: 'tok_ok' },
    shippingAddress: { name: 'Ada', line1: '1 Main St', city: 'Springfield', postalCode: '12345', country: 'US' },
  };
  const headers = { 'Idempotency-Key': '"order-1"' };
  const placed = await placeOrder({ body: order, headers, throwOnError: true });
  const again = await placeOrder({ body: order, headers, throwOnError: true });
  const statuses: Order['status'][] = [];
  for (let status = placed.data.status; status !== 'shipped'; ) {
    await progress();
    ({ status } = (await getOrder({ path: { id: placed.data.id }, throwOnError: true })).data);
    if (statuses.at(-1) !== status) statuses.push(status);
  }
  const history = await listOrderEvents({ path: { id: placed.data.id }, query: { limit: 100 }, throwOnError: true });
  const unknown = await placeOrder({ body: { ...order, userId: 'nobody' } });
  const refusal =
    unknown.error !== undefined && unknown.error.code === 'request.invalid'
      ? unknown.error.errors.map(({ path }) => path)
      : unknown.error?.code;
  return { total: placed.data.total, same: placed.data.id === again.data.id, statuses, refusal,
    location: placed.response.headers.get('location'), types: history.data.items.map(({ type }) => type) };
}
`;

interface Outcome {
  total: number;
  same: boolean;
  statuses: string[];
  refusal: unknown;
  location: string | null;
  types: string[];
}

describe('a client generated from openapi.json', () => {
  let shop: Shop;
  let program: string;
  before(async () => {
    shop = await startShop();
    const document = join(shop.folder, 'openapi.json');
    await writeFile(document, (await shop.api.send('GET', '/openapi.json')).text);
    const client = join(shop.folder, 'client');
    await generate({
      input: document,
      output: { path: client, module: { extension: '.js' } },
      logs: { level: 'silent', file: false },
      plugins: ['@hey-api/typescript', '@hey-api/sdk', '@hey-api/client-fetch'],
    });
    program = join(client, 'program.ts');
    await writeFile(program, PROGRAM);
  });
  after(() => shop.close());

  it('compiles under strict types', async function () {
    this.timeout(60_000);
    const options = ['--ignoreConfig', '--noEmit', '--strict', '--skipLibCheck', '--target', 'es2022'];
    const modules = ['--module', 'nodenext', '--lib', 'es2023,dom,dom.iterable'];
    expect(await run(shop.folder, process.execPath, [tsc, ...options, ...modules, program])).to.equal('');
  });

  it('creates a user, places an order once, follows it until it is shipped and reads its history', async () => {
    const { api } = shop;
    await api.send('POST', '/inventory/item_1/adjustments', { body: { quantity: 10, reason: 'delivery' } });
    const compiled = join(shop.folder, 'client.mjs');
    await build({
      entryPoints: [program],
      bundle: true,
      format: 'esm',
      platform: 'node',
      outfile: compiled,
      logLevel: 'error',
    });
    const client = (await import(pathToFileURL(compiled).href)) as {
      run: (baseUrl: string, progress: () => Promise<unknown>) => Promise<Outcome>;
    };
    const { types, location, ...outcome } = await client.run(api.url, shop.step);
    expect(outcome).to.deep.equal({
      total: 2500,
      same: true,
      statuses: ['pending', 'reserved', 'paid', 'shipped'],
      refusal: 'order.unknown_user',
    });
    expect(types).to.include.members(['order.created', 'order.status_changed']);
    expect(location).to.match(/^\/orders\/[\w-]+$/);
  });
});
