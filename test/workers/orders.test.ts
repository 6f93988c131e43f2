import { expect } from 'chai';
import { setImmediate } from 'node:timers/promises';
import { originContext, type Store } from 'flotilla';
import { harness } from 'flotilla/testing';
import { create, platform, type Data } from '../../platform/catalogue.js';
import type { OrderDetails } from '../../platform/orders/events.js';
import { isClosed } from '../../platform/orders/status/closed.js';
import { order } from '../../platform/orders/order.js';
import orders from '../../workers/orders/index.js';
import { about, append, details, orderId } from '../platform/support/events.js';
import { simulatedFleet } from '../platform/support/simulated-fleet.js';

const letter = {
  deadLetterId: '01890a5d-ac96-774b-bcce-b302099a8057',
  worker: 'payment',
  eventId: 'command-1',
  type: 'payment.process',
  kind: 'command',
  code: 'worker.unavailable',
} as const;

/** The statuses of the order so far, in order. */
async function shown(store: Store): Promise<string[]> {
  const events = await store.read(`order/${orderId}`);
  return events.flatMap(({ event }) =>
    event.type === 'order.status_changed' ? [(event.data as Data<'order.status_changed'>).status] : [],
  );
}

/** Runs the worker with a placed order. */
async function withOrder(
  run: (store: Store, settle: () => Promise<void>) => Promise<void>,
  mark: Pick<OrderDetails, 'fulfilment'> = {},
): Promise<void> {
  const fleet = await simulatedFleet([orders], { use: {}, random: () => 0.5 });
  try {
    const store = fleet.store('core');
    await store.transaction(async (tx) => {
      const origin = (subject: string) => originContext({ source: 'core', subject });
      const command = { type: 'create', orderId, details: { ...details, ...mark } } as const;
      await platform.execute(tx, order, orderId, command, { origin });
    });
    await run(store, async () => {
      while (await fleet.step()) await setImmediate();
    });
  } finally {
    await fleet.stop();
  }
}

describe('worker orders', () => {
  it('follows an order to its shipment', async () => {
    await withOrder(async (store, settle) => {
      for (const event of [
        about('inventory.reserved', { orderId, order: details, levels: [] }),
        about('payment.processed', { orderId, order: details, paymentId: 'ch_1', amount: 1250, currency: 'USD' }),
        about('shipment.created', { orderId, trackingNumber: 'T1', estimatedDelivery: '2030-01-01' }),
      ]) {
        await append(store, event);
        await settle();
      }
      expect(await shown(store)).to.deep.equal(['reserved', 'paid', 'shipped']);
      const last = (await store.read(`order/${orderId}`)).at(-1);
      expect(last?.event.data).to.include({ trackingNumber: 'T1', estimatedDelivery: '2030-01-01' });
    });
  });

  it('shows an order as stuck while its command is dead-lettered, until it is replayed', async () => {
    await withOrder(async (store, settle) => {
      await append(store, about('message.dead_lettered', { ...letter, message: '503' }));
      await settle();
      expect(await shown(store)).to.deep.equal(['stuck']);
      await append(store, about('message.replayed', letter));
      await settle();
      expect(await shown(store)).to.deep.equal(['stuck', 'pending']);
    });
  });

  it('shows an order as stuck while the event that triggers its next command is dead-lettered', async () => {
    await withOrder(async (store, settle) => {
      const lost = { ...letter, worker: 'order-choreography', type: 'order.created', kind: 'event' } as const;
      await append(store, about('message.dead_lettered', { ...lost, message: 'newer' }));
      await settle();
      expect(await shown(store)).to.deep.equal(['stuck']);
      await append(store, about('message.replayed', lost));
      await settle();
      expect(await shown(store)).to.deep.equal(['stuck', 'pending']);
    });
  });

  it('ignores dead letters of mails and statistics', async () => {
    await withOrder(async (store, settle) => {
      const mail = { ...letter, worker: 'email', type: 'order.created', kind: 'event' } as const;
      await append(store, about('message.dead_lettered', { ...mail, message: '550' }));
      await settle();
      expect(await shown(store)).to.deep.equal([]);
    });
  });

  it('no longer shows an order as stuck once the dead-lettered command is answered', async () => {
    await withOrder(async (store, settle) => {
      await append(store, about('message.dead_lettered', { ...letter, message: '503' }));
      await settle();
      const context = { ...originContext({ source: 'core', subject: `order/${orderId}` }), causationId: 'command-1' };
      const failed = create('payment.failed', { orderId, reason: 'card_declined' }, context);
      await store.append(`order/${orderId}`, 'any', [failed]);
      await settle();
      expect(await shown(store)).to.deep.equal(['stuck', 'payment_failed']);
    });
  });

  it('closes an order that has ended, stuck or not, to forward commands', async () => {
    await withOrder(async (store, settle) => {
      const closed = async (type: string) =>
        isClosed({ type, subject: `order/${orderId}` }, await store.read(`order/${orderId}`));
      expect(await closed('payment.process')).to.equal(false);
      await append(store, about('payment.failed', { orderId, reason: 'card_declined' }));
      await settle();
      expect(await closed('payment.process')).to.equal(true);
      const release = { ...letter, worker: 'inventory', type: 'inventory.release' };
      await append(store, about('message.dead_lettered', { ...release, message: '503' }));
      await settle();
      expect(await shown(store)).to.deep.equal(['payment_failed', 'stuck']);
      expect(await closed('payment.process')).to.equal(true);
      expect(await closed('inventory.release')).to.equal(false);
    });
  });

  it('shows the decisions of the saga that fulfils an order', async () => {
    const marked = { fulfilment: 'orchestrated' } as const;
    const of = (more: object) => ({ saga: 'order-fulfilment', sagaId: orderId, ...more });
    const decided = (
      type: 'saga.compensating' | 'saga.failed' | 'saga.resumed' | 'saga.compensated',
      more: object,
    ) => ({
      type,
      data: of(more),
      subject: `order-fulfilment/${orderId}`,
    });
    await withOrder(async (store, settle) => {
      for (const event of [
        about('inventory.reserved', { orderId, order: { ...details, ...marked }, levels: [] }),
        about('payment.failed', { orderId, reason: 'card_declined', ...marked }),
        decided('saga.compensating', { cause: 'step_failed', step: 'pay', reason: 'card\ndeclined' }),
        decided('saga.failed', { step: 'reserve', reason: 'no answer within 1200 s' }),
        decided('saga.resumed', { who: 'ada' }),
        decided('saga.compensated', {}),
      ]) {
        await append(store, event);
        await settle();
      }
      expect(await shown(store)).to.deep.equal(['reserved', 'payment_failed', 'stuck', 'payment_failed']);
      const changes = (await store.read(`order/${orderId}`)).flatMap(({ event }) =>
        event.type === 'order.status_changed' ? [(event.data as Data<'order.status_changed'>).reason] : [],
      );
      expect(changes).to.deep.equal([
        undefined,
        'card declined',
        'release requires manual intervention: no answer within 1200 s',
        'card declined',
      ]);
    }, marked);
  });

  it('shows an order as stuck while a time-out of its saga is dead-lettered', async () => {
    await withOrder(
      async (store, settle) => {
        const late = { ...letter, worker: 'order-saga', type: 'saga.timer_due', kind: 'event' } as const;
        const lost = about('message.dead_lettered', { ...late, message: 'newer' });
        await append(store, { ...lost, subject: `order-fulfilment/${orderId}` });
        await settle();
        expect(await shown(store)).to.deep.equal(['stuck']);
      },
      { fulfilment: 'orchestrated' },
    );
  });

  it('ignores decisions of other sagas', async () => {
    await harness(orders)
      .when({ type: 'saga.completed', data: { saga: 'returns', sagaId: orderId }, subject: `returns/${orderId}` })
      .result(async (store) => {
        expect(await store.query`select * from order_facts`).to.deep.equal([]);
      });
  });

  it('ignores dead letters that are not commands of an order', async () => {
    const lost = { ...letter, message: '503' };
    for (const event of [
      about('message.dead_lettered', { ...lost, kind: 'event', type: 'order.created' }),
      about('message.dead_lettered', { ...lost, kind: null, type: null, eventId: null }),
      { ...about('message.dead_lettered', lost), subject: 'stock/item_1' },
    ]) {
      await harness(orders)
        .when(event)
        .result(async (store) => {
          expect(await store.query`select * from order_facts`).to.deep.equal([]);
        });
    }
  });

  it('emits nothing for an unknown order', async () => {
    await harness(orders)
      .when(about('inventory.rejected', { orderId, reason: 'unknown SKU x' }))
      .emits();
  });
});
