import { expect } from 'chai';
import fc from 'fast-check';
import { harness, type TestEvent } from 'flotilla/testing';
import { apply, effects, quantitiesOf, shortage } from '../../workers/inventory/stock.js';
import inventory from '../../workers/inventory/index.js';
import { about, details, orderId } from '../platform/support/events.js';

const reserve = (items = details.items) => about('inventory.reserve', { orderId, order: { ...details, items } });
const release = about('inventory.release', { orderId });
const shipped = about('shipment.created', { orderId, trackingNumber: 'T1', estimatedDelivery: '2030-01-01' });
const adjust = (quantity: number, sku = 'item_1'): TestEvent => ({
  type: 'inventory.adjust',
  data: { sku, quantity, reason: 'counted' },
  subject: `stock/${sku}`,
});

describe('worker inventory', () => {
  it('starts with its initial stock, and emits it', async () => {
    await harness(inventory)
      .when(release)
      .result(async (store) => {
        const events = await store.readAll(0, 10, { type: 'inventory.adjusted' });
        expect(events.map(({ event }) => [event.subject, event.data])).to.deep.equal(
          [
            ['item_1', 100],
            ['item_2', 50],
            ['item_3', 75],
          ].map(([sku, quantity]) => [
            `stock/${sku}`,
            {
              reason: 'initial stock',
              changes: [{ sku, quantity }],
              levels: [{ sku, onHand: quantity, reserved: 0, version: 1 }],
            },
          ]),
        );
      });
  });

  it('reserves all items of an order, each SKU once even if it occurs in several lines', async () => {
    const items = [...details.items, { sku: 'item_1', quantity: 3, unitPrice: 400 }];
    await harness(inventory)
      .when(reserve(items))
      .emits(
        about('inventory.reserved', {
          orderId,
          order: { ...details, items },
          levels: [
            { sku: 'item_1', onHand: 100, reserved: 5, version: 2 },
            { sku: 'item_2', onHand: 50, reserved: 1, version: 2 },
          ],
        }),
      );
  });

  it('reserves no item of an order with insufficient stock, and reports the reason', async () => {
    const items = [...details.items, { sku: 'item_3', quantity: 76, unitPrice: 1 }];
    await harness(inventory)
      .when(reserve(items))
      .emits(about('inventory.rejected', { orderId, reason: 'only 75 of item_3 available' }));
    await harness(inventory)
      .given(reserve(items))
      .when(release)
      .emits(about('inventory.released', { orderId, levels: [] }));
  });

  it('rejects an unknown SKU by its name', async () => {
    await harness(inventory)
      .when(reserve([{ sku: 'item_9', quantity: 1, unitPrice: 1 }]))
      .emits(about('inventory.rejected', { orderId, reason: 'unknown SKU item_9' }));
  });

  const back = [
    { sku: 'item_1', onHand: 100, reserved: 0, version: 3 },
    { sku: 'item_2', onHand: 50, reserved: 0, version: 3 },
  ];

  it('releases a reservation once', async () => {
    await harness(inventory)
      .given(reserve())
      .when(release)
      .emits(about('inventory.released', { orderId, levels: back }));
    await harness(inventory)
      .given(reserve(), release)
      .when(release)
      .emits(about('inventory.released', { orderId, levels: [] }));
  });

  it('does not reserve for an order that was released before', async () => {
    await harness(inventory)
      .given(release)
      .when(reserve())
      .emits(about('inventory.rejected', { orderId, reason: 'cancelled' }));
  });

  it('repeats its decision for a repeated command, and changes nothing', async () => {
    const levels = [
      { sku: 'item_1', onHand: 100, reserved: 2, version: 2 },
      { sku: 'item_2', onHand: 50, reserved: 1, version: 2 },
    ];
    const reserved = { orderId, order: details };
    await harness(inventory)
      .given(reserve(), reserve())
      .when(reserve())
      .emits(about('inventory.reserved', { ...reserved, levels }));
    const gone = levels.map(({ sku, onHand, reserved: n }) => ({ sku, onHand: onHand - n, reserved: 0, version: 3 }));
    await harness(inventory)
      .given(reserve(), shipped)
      .when(reserve())
      .emits(about('inventory.reserved', { ...reserved, levels: gone }));
    const cancelled = about('inventory.rejected', { orderId, reason: 'cancelled' });
    await harness(inventory).given(reserve(), release).when(reserve()).emits(cancelled);
    const much = [{ sku: 'item_3', quantity: 76, unitPrice: 1 }];
    await harness(inventory)
      .given(reserve(much), adjust(1, 'item_3'))
      .when(reserve(much))
      .emits(about('inventory.rejected', { orderId, reason: 'only 75 of item_3 available' }));
  });

  it('passes on in its answers who fulfils the order', async () => {
    const fulfilment = 'orchestrated';
    const reserve = (items = details.items) =>
      about('inventory.reserve', { orderId, order: { ...details, items, fulfilment } });
    const { emitted } = await harness(inventory).when(reserve()).result();
    expect(emitted[0]?.data).to.have.nested.property('order.fulfilment', fulfilment);
    await harness(inventory)
      .when(reserve([{ sku: 'item_9', quantity: 1, unitPrice: 1 }]))
      .emits(about('inventory.rejected', { orderId, reason: 'unknown SKU item_9', fulfilment }));
    await harness(inventory)
      .when(about('inventory.release', { orderId, fulfilment }))
      .emits(about('inventory.released', { orderId, fulfilment, levels: [] }));
  });

  it('removes shipped items from the stock', async () => {
    await harness(inventory)
      .given(reserve())
      .when(shipped)
      .emits(
        about('inventory.adjusted', {
          orderId,
          reason: 'shipped',
          changes: [
            { sku: 'item_1', quantity: -2 },
            { sku: 'item_2', quantity: -1 },
          ],
          levels: [
            { sku: 'item_1', onHand: 98, reserved: 0, version: 3 },
            { sku: 'item_2', onHand: 49, reserved: 0, version: 3 },
          ],
        }),
      );
  });

  it('restores the stock of a cancelled shipment, with both events in any order', async () => {
    const levels = back.map((level) => ({ ...level, version: 4 }));
    await harness(inventory)
      .given(reserve(), shipped)
      .when(release)
      .emits(about('inventory.released', { orderId, levels }));
    await harness(inventory).given(reserve(), release).when(shipped).emits();
  });

  it('adjusts stock, including that of a new SKU', async () => {
    const adjusted = (sku: string, quantity: number, onHand: number, version: number) => ({
      type: 'inventory.adjusted',
      subject: `stock/${sku}`,
      data: { reason: 'counted', changes: [{ sku, quantity }], levels: [{ sku, onHand, reserved: 0, version }] },
    });
    await harness(inventory)
      .when(adjust(-100))
      .emits(adjusted('item_1', -100, 0, 2));
    await harness(inventory)
      .when(adjust(7, 'new'))
      .emits(adjusted('new', 7, 7, 1));
  });

  it('never reduces stock below the reserved quantity', async () => {
    await harness(inventory).given(reserve()).when(adjust(-99)).deadLetters('inventory.below_reserved');
    await harness(inventory).when(adjust(-1, 'new')).deadLetters('inventory.below_reserved');
  });
});

describe('worker inventory: stock', () => {
  const items = fc.array(
    fc.record({ sku: fc.constantFrom('a', 'b', 'c'), quantity: fc.integer({ min: 1, max: 40 }) }),
    {
      minLength: 1,
      maxLength: 6,
    },
  );
  const stock = ['a', 'b'].map((sku) => ({ sku, onHand: 50, reserved: 10, version: 4 }));

  it('is never reserved beyond the quantity on hand', () => {
    fc.assert(
      fc.property(items, (lines) => {
        const wanted = quantitiesOf(lines);
        const after = apply(stock, wanted, effects.reserve);
        const fits = after.every(({ sku, onHand, reserved }) => sku !== 'c' && reserved <= onHand);
        expect(shortage(stock, wanted) === undefined).to.equal(fits);
      }),
    );
  });

  it('is unchanged except for its version once a reservation is released', () => {
    fc.assert(
      fc.property(items, (lines) => {
        const wanted = quantitiesOf(lines.filter(({ sku }) => sku !== 'c'));
        const after = apply(apply(stock, wanted, effects.reserve), wanted, effects.release);
        for (const { sku, onHand, reserved, version } of after) {
          expect({ sku, onHand, reserved, version: version - 2 }).to.deep.equal(
            stock.find((level) => level.sku === sku),
          );
        }
      }),
    );
  });
});
