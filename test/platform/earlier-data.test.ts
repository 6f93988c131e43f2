import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { expect } from 'chai';
import { ChaosFleet } from '../chaos/support/chaos-fleet.js';
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

describe('platform: stores of an earlier release', function () {
  this.timeout(300_000);
  let fleet: ChaosFleet;
  let dataDir: string;

  before(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'flotilla-earlier-'));
    fleet = await ChaosFleet.create({ ...(await testBroker()), dataDir });
    restoreEarlierData(dataDir, (store, service) => {
      if (service === 'core') removeCurrency(store, accepted);
      // one hour old, because inbox rows are deleted after some days
      store.prepare('UPDATE flotilla_inbox SET at = ?').run(Date.now() - 3_600_000);
      // every store publishes all of its events again
      store.prepare(`UPDATE flotilla_checkpoints SET position = 0 WHERE name = 'relay'`).run();
    });
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
    expect(letters.map(({ id, code }) => [id, code])).to.deep.equal([[earlier.deadLetter, 'contract.not_json']]);
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
});
