import { randomUUID } from 'node:crypto';
import { createEvent, originContext } from '../../../src/events/create.js';
import { CLOUDEVENTS_JSON } from '../../../src/events/envelope.js';
import fleetDefinition from '../../../config/fleet.js';
import { settledForGood, withFleet, type ChaosRun, type RunOptions } from '../support/chaos-run.js';
import type { DeadLetter } from '../support/world.js';
import { orderBody } from '../support/customers.js';
import { publishRaw } from '../support/raw-publisher.js';
import { eventually } from '../../support/eventually.js';

/** Invalid requests to the API and invalid messages to the exchange, among valid orders. */
export async function sayWhatIsWrong(options: RunOptions): Promise<void> {
  await withFleet(options, async (run) => {
    await run.fleet.start();
    const userId = await run.customers.register();
    await wrongOverHttp(run, userId);
    await wrongAboutAccounts(run);
    await racedVersion(run);
    await racedKey(run, userId);
    await wrongOnTheExchange(run);
    for (let n = 0; n < 3; n += 1) await run.customers.order('tok_ok');
    const unknown = await run.customers.order('tok_ok', ['item_unknown']);
    await settledForGood(run, { mayBeDead });
    void unknown;
  });
}

const mayBeDead = ({ code, worker }: DeadLetter) => code.startsWith('contract.') && worker === 'payment';

async function wrongOverHttp({ customers }: ChaosRun, userId: string): Promise<void> {
  const line = { sku: 'item_1', quantity: 1, unitPrice: 100 };
  const right = orderBody(userId, [line], 'tok_ok');
  const withLine = (change: object) => ({ ...right, items: [{ ...line, ...change }] });
  const cases: [what: string, body: unknown, status: number, code: string][] = [
    ['malformed JSON', '{"userId": ', 400, 'request.malformed_json'],
    ['no JSON at all', 'rubbish', 400, 'request.malformed_json'],
    ['20,000 open brackets', '['.repeat(20_000), 400, 'request.malformed_json'],
    ['an array', [right], 400, 'request.invalid'],
    ['wrong types', { ...right, userId: 7, items: 'two', payment: null }, 400, 'request.invalid'],
    ['nothing', {}, 400, 'request.invalid'],
    ['no items', { ...right, items: [] }, 400, 'request.invalid'],
    ['a field too many', { ...right, total: 1 }, 400, 'request.invalid'],
    ['__proto__', JSON.stringify(right).replace('{', '{"__proto__":{"total":1},'), 400, 'request.invalid'],
    ['a negative quantity', withLine({ quantity: -1 }), 400, 'request.invalid'],
    ['no quantity', withLine({ quantity: 0 }), 400, 'request.invalid'],
    ['half a piece', withLine({ quantity: 0.5 }), 400, 'request.invalid'],
    ['a huge quantity', withLine({ quantity: 1e15 }), 400, 'request.invalid'],
    [
      'a quantity beyond numbers',
      JSON.stringify(right).replace('"quantity":1', '"quantity":1e999'),
      400,
      'request.invalid',
    ],
    ['a quantity as text', withLine({ quantity: '1' }), 400, 'request.invalid'],
    ['a negative price', withLine({ unitPrice: -1 }), 400, 'request.invalid'],
    ['an unknown user', orderBody('nobody', [line], 'tok_ok'), 422, 'order.unknown_user'],
    ['1 MiB', { ...right, payment: { token: 'x'.repeat(1024 * 1024) } }, 413, 'request.too_large'],
  ];
  for (const [what, body, status, code] of cases) {
    const answer = await customers.request('POST', '/orders', body);
    if (answer.status !== status || answer.body.code !== code) {
      throw new Error(`${what}: answered ${answer.status} ${String(answer.body.code)}, expected ${status} ${code}`);
    }
  }
}

/** Each request is refused with its code, and the account is unchanged. */
async function wrongAboutAccounts({ customers }: ChaosRun): Promise<void> {
  const { id } = await customers.openAccount(500);
  const path = `/accounts/${id}`;
  const upsideDown = 'since=2026-02-01T00:00:00Z&until=2026-01-01T00:00:00Z';
  const amounts = [-1, 0, 0.5, 1e15, '100', null, undefined];
  const cases: [method: string, path: string, body: unknown, status: number, code: string][] = [
    ...amounts.flatMap((amount): (typeof cases)[number][] => [
      ['POST', `${path}/deposits`, { amount }, 400, 'request.invalid'],
      ['POST', `${path}/withdrawals`, { amount }, 400, 'request.invalid'],
    ]),
    ['POST', `${path}/deposits`, '{"amount":1e999}', 400, 'request.invalid'],
    ['POST', '/accounts', { owner: 'Ada', currency: 'USD', initialDeposit: -5 }, 400, 'request.invalid'],
    ['POST', '/accounts', { owner: 'Ada', currency: 'USD', balance: 5 }, 400, 'request.invalid'],
    ['POST', `${path}/withdrawals`, { amount: 501 }, 409, 'account.insufficient_funds'],
    ['POST', `${path}/deposits`, { amount: 1_000_000_000_000 }, 409, 'account.balance_too_large'],
    ['POST', '/accounts/nobody/deposits', { amount: 1 }, 404, 'account.not_found'],
    ['POST', '/accounts/nobody/withdrawals', { amount: 1 }, 404, 'account.not_found'],
    ['GET', '/accounts/nobody', undefined, 404, 'account.not_found'],
    ['GET', '/accounts/nobody/events', undefined, 404, 'account.not_found'],
    ['GET', `${path}/events?cursor=rubbish`, undefined, 400, 'request.invalid'],
    ['GET', `${path}/events?${upsideDown}`, undefined, 400, 'request.invalid'],
  ];
  for (const [method, target, body, status, code] of cases) {
    const answer = await customers.request(method, target, body);
    if (answer.status !== status || answer.body.code !== code) {
      const what = `${method} ${target} ${JSON.stringify(body)}`;
      throw new Error(`${what}: answered ${answer.status} ${String(answer.body.code)}, expected ${status} ${code}`);
    }
  }
  const { body } = await customers.request('GET', path);
  if (body.balance !== 500 || body.version !== 1) throw new Error(`the account has changed: ${JSON.stringify(body)}`);
}

/** Of twenty requests that expect the same version, one succeeds and the others receive the current version. */
async function racedVersion({ customers }: ChaosRun): Promise<void> {
  const account = await customers.openAccount();
  const path = `/accounts/${account.id}/deposits`;
  const racers = Array.from({ length: 20 }, () =>
    customers.request('POST', path, { amount: 1 }, { 'If-Match': '"1"' }),
  );
  const answers = await Promise.all(racers);
  const won = answers.filter(({ status, body }) => status === 200 && body.version === 2);
  const lost = answers.filter(
    ({ status, body }) => status === 412 && body.code === 'request.precondition_failed' && body.currentVersion === 2,
  );
  if (won.length !== 1 || lost.length !== 19) {
    throw new Error(
      `one version, raced: ${answers.map(({ status, body }) => `${status} ${String(body.code)}`).join(', ')}`,
    );
  }
  account.balance += 1;
  account.transactions += 1;
}

/** Twenty concurrent requests with one key create one order and receive it, or 409 while it is in progress; another
 *  body under that key is refused. */
async function racedKey({ customers }: ChaosRun, userId: string): Promise<void> {
  const key = { 'Idempotency-Key': randomUUID() };
  const items = [{ sku: 'item_3', quantity: 1, unitPrice: 700 }];
  const body = orderBody(userId, items, 'tok_ok');
  const answers = await Promise.all(Array.from({ length: 20 }, () => customers.request('POST', '/orders', body, key)));
  const done = answers.filter(({ status }) => status === 201);
  const ids = new Set(done.map((answer) => String(answer.body.id)));
  const others = answers.filter(({ status }) => status !== 201);
  if (others.some(({ status, body }) => status !== 409 || body.code !== 'idempotency.in_progress') || ids.size !== 1) {
    throw new Error(`one key, raced: ${answers.map(({ status }) => status).join(' ')}, ${ids.size} orders`);
  }
  for (const id of ids)
    customers.promised.orders.set(id, {
      id,
      token: 'tok_ok',
      items,
      total: 700,
      isDeliverable: true,
      cancelAccepted: false,
    });
  const other = await customers.request('POST', '/orders', { ...body, currency: 'EUR' }, key);
  if (other.status !== 422 || other.body.code !== 'idempotency.key_reused') {
    throw new Error(`the key with another body: ${other.status} ${String(other.body.code)}`);
  }
}

interface List {
  items: { id: string; code: string }[];
}

/** Each message is dead-lettered with the code of its error, and the worker continues. */
async function wrongOnTheExchange({ fleet }: ChaosRun): Promise<void> {
  const event = (data: unknown) => ({
    ...createEvent(
      fleetDefinition.catalogue.definitions,
      'inventory.release',
      { orderId: 'nobody' },
      originContext({ source: 'test', subject: 'order/nobody' }),
    ),
    type: 'payment.process',
    dataschema: 'urn:flotilla:payment.process:1',
    data,
  });
  const good = event({});
  const text = (value: unknown) => Buffer.from(JSON.stringify(value));
  const cases: [code: string, body: Buffer, contentType?: string][] = [
    ['contract.not_json', Buffer.from('rubbish')],
    ['contract.not_json', Buffer.alloc(0)],
    ['contract.not_json', Buffer.from([0xff, 0xfe, 0x00])],
    ['contract.not_json', Buffer.from('['.repeat(20_000))],
    ['contract.not_an_event', text({ hello: 'world' })],
    ['contract.not_an_event', text(null)],
    ['contract.not_an_event', text({ ...good, id: '' })],
    ['contract.unknown_type', text({ ...good, id: randomUUID(), type: 'payment.unheard_of' })],
    ['contract.unsigned', text({ ...good, id: randomUUID(), dataschema: 'urn:flotilla:payment.process:99' })],
    ['contract.invalid_data', text({ ...good, id: randomUUID(), data: { orderId: 7 } })],
    ['contract.too_large', Buffer.alloc(5 * 1024 * 1024, 'x')],
    ['contract.content_type', text(good), 'text/plain'],
  ];
  const messages = cases.map(([, body, contentType = CLOUDEVENTS_JSON]) => ({
    body,
    options: { contentType, persistent: true },
  }));
  await publishRaw(fleet.options.amqpUrl, fleet.names.events, 'payment.process', messages);
  const codes = await eventually('all of it is in the dead letters', async () => {
    const { items } = JSON.parse(await fleet.command('dead', 'list', 'payment', '--json', '--limit', '100')) as List;
    return items.length >= cases.length && items.map(({ code }) => code);
  });
  const expected = cases.map(([code]) => code).sort();
  if (codes.sort().join() !== expected.join())
    throw new Error(`dead letters: ${codes.join(', ')}; expected ${expected.join(', ')}`);
}
