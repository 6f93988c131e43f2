import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { expect } from 'chai';
import { HEADERS } from '../../src/broker/messages/headers.js';
import { createRabbitBroker } from '../../src/broker/rabbitmq/broker.js';
import { parseFleetKeys } from '../../src/broker/signing/fleet-keys.js';
import { signedBroker } from '../../src/broker/signing/signed-broker.js';
import { CLOUDEVENTS_JSON } from '../../src/events/envelope.js';
import type { HistoryReport } from '../../src/runtime/history/check-history.js';
import { silentLogger } from '../../src/telemetry/logger.js';
import { ChaosFleet, ROLES_TOGETHER } from '../chaos/support/chaos-fleet.js';
import { earlier, restoreEarlierData } from '../support/earlier-data/restore.js';
import { eventually } from '../support/eventually.js';
import { testBroker } from '../support/rabbitmq.js';

const { shipped, paying, accepted } = earlier.orders;

/** Makes an order one of the time when orders had no currency. */
function removeCurrency(store: Database.Database, order: string): void {
  const trigger = store
    .prepare<unknown[], string>(`SELECT sql FROM sqlite_schema WHERE name = 'flotilla_events_no_update'`)
    .pluck()
    .get();
  store.exec('DROP TRIGGER flotilla_events_no_update');
  const { changes } = store
    .prepare(
      `UPDATE flotilla_events SET body = json_remove(body, '$.data.currency')
       WHERE body ->> '$.type' = 'order.created' AND body ->> '$.data.orderId' = ?`,
    )
    .run(order);
  expect(changes).to.equal(1);
  store.exec(trigger ?? '');
}

/** An event as the earlier release wrote it: version 1, without preferences. */
function userCreated(id: string, email: string): object {
  return {
    specversion: '1.0',
    id,
    source: 'core',
    type: 'user.created',
    subject: `user/${id}`,
    time: '2026-11-01T00:00:00.000Z',
    datacontenttype: 'application/json',
    dataschema: 'urn:flotilla:user.created:1',
    correlationid: id,
    sequence: '1',
    data: { userId: id, name: 'Grace Example', email },
  };
}

const failed = { id: '01a22266-0000-8594-8c98-b1231b324a3c', email: 'grace@example.org' };
const retried = { id: '01a22266-0000-7594-8c98-b1231b324a3d', email: 'mary@example.org' };

/** Adds a dead letter of the worker email to the table of the earlier release. */
function addDeadLetter(store: Database.Database): void {
  const row = store.prepare<unknown[], Record<string, unknown>>('SELECT * FROM dead_letters').get();
  const letter = {
    ...row,
    ...{ id: failed.id, event_id: failed.id, worker: 'email', code: 'worker.handler_failed', type: 'user.created' },
    ...{ kind: 'event', source: 'core', subject: `user/${failed.id}`, correlation_id: failed.id, origin: 'fleet' },
    ...{ body: Buffer.from(JSON.stringify(userCreated(failed.id, failed.email))), content: null, body_hash: null },
    ...{ body_size: null, properties: JSON.stringify({ contentType: CLOUDEVENTS_JSON, headers: {} }) },
  };
  const names = Object.keys(letter);
  const values = names.map((name) => `@${name}`);
  store.prepare(`INSERT INTO dead_letters (${names.join(', ')}) VALUES (${values.join(', ')})`).run(letter);
}

describe('platform: stores of an earlier release', function () {
  this.timeout(300_000);
  let fleet: ChaosFleet;
  let dataDir: string;
  /** Before a process of this release has opened the stores. */
  let history: HistoryReport;
  let stored = 0;

  before(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'flotilla-earlier-'));
    fleet = await ChaosFleet.create({ ...(await testBroker()), roles: ROLES_TOGETHER, dataDir });
    restoreEarlierData(dataDir, (store, service) => {
      if (service === 'core') removeCurrency(store, accepted);
      if (service === 'ops') addDeadLetter(store);
      for (const table of ['flotilla_events', 'flotilla_timers']) {
        stored += Number(store.prepare(`SELECT COUNT(*) FROM ${table}`).pluck().get());
      }
      // one hour old, because inbox rows are deleted after some days
      store.prepare('UPDATE flotilla_inbox SET at = ?').run(Date.now() - 3_600_000);
      // every store publishes all of its events again
      store.prepare(`UPDATE flotilla_checkpoints SET position = 0 WHERE name = 'relay'`).run();
    });
    history = JSON.parse(
      await fleet.command('schemas', 'check', '--history', '--no-broker', '--json'),
    ) as HistoryReport;
    await fleet.start();
  });

  after(async () => {
    await fleet.stop();
    await fleet.remove();
    await rm(dataDir, { recursive: true, force: true });
  });

  const get = async <T>(url: string): Promise<T> => (await fetch(url)).json() as Promise<T>;
  const statusOf = async (order: string) => (await get<{ status: string }>(`${fleet.apiUrl}/orders/${order}`)).status;
  const items = async <T>(...command: string[]) =>
    (JSON.parse(await fleet.command(...command, '--json')) as { items: T[] }).items;

  it('are read completely before they are migrated', () => {
    const { checked, unreadable, unread, known, versions } = history;
    expect({ unreadable, unread }).to.deep.equal({ unreadable: 0, unread: [] });
    expect(checked, 'events, timers and two dead letters').to.equal(stored + 2);
    expect(known.map(({ code, count }) => [code, count])).to.deep.equal([['contract.not_json', 1]]);
    const old = versions.filter(({ version }) => version === 1).map(({ type }) => type);
    expect(old).to.include.members(['order.created', 'user.created']);
  });

  it('continue orders that were accepted or whose payment was requested', async () => {
    await eventually('the accepted order is shipped', async () => (await statusOf(accepted)) === 'shipped');
    await eventually('the order that was being paid is shipped', async () => (await statusOf(paying)) === 'shipped');
  });

  it('read events of version 1 as those of version 2', async () => {
    expect(await get(`${fleet.apiUrl}/orders/${accepted}`)).to.include({ currency: 'USD' });
    expect(await get(`${fleet.apiUrl}/users/${earlier.user.id}`))
      .to.have.property('preferences')
      .that.deep.equals({ statusEmails: true });
    const { items: charges } = await get<{ items: object[] }>(`${fleet.sandboxUrl}/gateway/ledger`);
    expect(charges.find((charge) => 'orderId' in charge && charge.orderId === accepted)).to.include({
      currency: 'USD',
    });
    await eventually('the user of the earlier release is notified of the shipment', async () =>
      JSON.stringify(await get(`${fleet.sandboxUrl}/mailbox?to=${earlier.user.email}`)).includes(
        `${accepted}: shipped`,
      ),
    );
  });

  it('handle no event again that the earlier release has handled', async () => {
    await eventually('every queue is empty', async () =>
      (await items<{ ready: number; inFlight: number; retrying: { ready: number }[] }>('status')).every(
        ({ ready, inFlight, retrying }) => ready + inFlight === 0 && retrying.every((queue) => queue.ready === 0),
      ),
    );
    const charges = await get<{ items: { orderId: string }[] }>(`${fleet.sandboxUrl}/gateway/ledger`);
    expect(charges.items.map(({ orderId }) => orderId)).to.have.members([paying, accepted]);
    const stock = await get<{ items: { sku: string; onHand: number; reserved: number }[] }>(
      `${fleet.apiUrl}/inventory`,
    );
    expect(stock.items.find(({ sku }) => sku === 'item_1')).to.include({ onHand: 94, reserved: 0 });
    const mails = JSON.stringify(await get(`${fleet.sandboxUrl}/mailbox?to=${earlier.user.email}`));
    expect(mails).to.include(accepted).and.not.include(shipped);
  });

  it('list their dead letters', async () => {
    const letters = await items<{ id: string; code: string }>('dead', 'list');
    expect(letters.map(({ id, code }) => [id, code])).to.have.deep.members([
      [earlier.deadLetter, 'contract.not_json'],
      [failed.id, 'worker.handler_failed'],
    ]);
  });

  const welcome = (email: string) =>
    eventually(`the welcome of ${email}`, async () =>
      JSON.stringify(await get(`${fleet.sandboxUrl}/mailbox?to=${email}`)).includes('Grace Example'),
    );

  it('replay a dead letter of version 1', async () => {
    await fleet.command('dead', 'replay', failed.id);
    await welcome(failed.email);
  });

  it('handle an event of version 1 that waits for a retry', async () => {
    const { amqpUrl } = fleet.options;
    const plain = createRabbitBroker({ url: amqpUrl, connectionName: 'test', logger: silentLogger() });
    const broker = signedBroker(plain, {
      keys: parseFleetKeys(String(fleet.env['FLEET_KEY'])),
      verification: 'require',
    });
    try {
      const publisher = broker.createPublisher();
      await publisher.ready();
      await publisher.publish({
        exchange: '',
        routingKey: fleet.names.retry('email', 400),
        body: Buffer.from(JSON.stringify(userCreated(retried.id, retried.email))),
        properties: { contentType: CLOUDEVENTS_JSON, messageId: retried.id, headers: { [HEADERS.attempt]: 3 } },
        vouch: { origin: 'fleet', for: fleet.names.queue('email') },
      });
    } finally {
      await broker.close();
    }
    await welcome(retried.email);
  });

  it('continue projections without a rebuild, including one whose rebuild was interrupted', async () => {
    const models = await eventually('every projection is up to date', async () => {
      const all = await items<{ name: string; status: string; behind: number }>('projections', 'list');
      return all.every(({ status, behind }) => status === 'running' && behind === 0) && all;
    });
    expect(models.map(({ name }) => name)).to.include.members(['order-summary', 'user-statistics']);
    const store = new Database(join(dataDir, 'core.db'), { readonly: true });
    const generations = store.prepare('SELECT DISTINCT generation FROM flotilla_projections').pluck().all();
    store.close();
    expect(generations).to.deep.equal([1]);
    const { users, orders } = await get<{ users: number; orders: number }>(`${fleet.apiUrl}/statistics`);
    expect({ users, orders }).to.deep.equal({ users: 1, orders: 3 });
  });

  it('continue the interrupted rebuild', async () => {
    const [rebuilt] = await items<object>('projections', 'rebuild', 'order-summary');
    expect(rebuilt).to.include({ resumed: true, swapped: true });
  });

  it('find the events in the journal', async () => {
    const events = await items<{ type: string }>('events', 'list', '--subject', `order/${shipped}`);
    expect(events.map(({ type }) => type)).to.include.members(['order.created', 'shipment.created']);
  });

  it('replay history with events of version 1', async () => {
    const command = ['replay', '--to', 'email', '--type', '*.created', '--again', '--yes', '--json'];
    const run = JSON.parse(await fleet.command(...command)) as { state: string; counts: { sent: number } };
    expect(run.state).to.equal('done');
    expect(run.counts.sent).to.be.at.least(4);
    await eventually('every replayed event is handled', async () =>
      (await items<{ ready: number; inFlight: number }>('status')).every(
        ({ ready, inFlight }) => ready + inFlight === 0,
      ),
    );
    const dead = await items<{ state: string; worker: string }>('dead', 'list', '--worker', 'email');
    expect(dead.filter(({ state }) => state === 'dead')).to.deep.equal([]);
  });
});
