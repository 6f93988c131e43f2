import { expect } from 'chai';
import views from '../../../platform/read-models/views.js';
import { resetWorker } from '../../../src/replay/reset-worker.js';
import { testFleet, type TestFleet } from '../../support/test-fleet.js';
import { workerDefinitionOf } from '../../../src/worker/definition/worker-definition.js';

describe('worker views after a forged event', function () {
  this.timeout(60_000);
  let fleet: TestFleet | undefined;
  afterEach(async () => {
    await fleet?.stop();
    fleet = undefined;
  });

  it('shows the stock again once it is reset and history is replayed', async () => {
    const it = (fleet = await testFleet(views));
    const adjusted = (version: number, onHand: number) => {
      const levels = [{ sku: 'item_1', onHand, reserved: 0, version }];
      const data = { reason: 'counted', changes: [{ sku: 'item_1', quantity: 1 }], levels };
      return it.event('inventory.adjusted', data, 'stock/item_1');
    };
    const shown = async () => {
      const rows = await it.store.query<{ on_hand: number }>`select on_hand from inventory_view`;
      return rows.map((row) => Number(row.on_hand));
    };
    const [first, second] = [adjusted(1, 100), adjusted(2, 90)];
    await it.send(first);
    await it.until((seen) => seen.length === 1);
    await it.send(adjusted(Number.MAX_SAFE_INTEGER, 0));
    await it.until((seen) => seen.length === 2);
    await it.send(second);
    await it.until((seen) => seen.length === 3);
    expect(await shown()).to.deep.equal([0]);

    expect(await resetWorker(it.store, workerDefinitionOf(views), 'run')).to.equal(true);
    await it.send(first, second);
    await it.until((seen) => seen.length === 5);
    expect(await shown()).to.deep.equal([90]);
  });
});
