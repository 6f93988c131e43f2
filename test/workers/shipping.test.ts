import { expect } from 'chai';
import { UnavailableError } from 'flotilla';
import { harness } from 'flotilla/testing';
import type { BookingResult, Carrier } from '../../workers/shipping/carrier.js';
import shipping from '../../workers/shipping/index.js';
import { about, append, begunBefore, details, orderId, signal } from '../platform/events.js';
import { simulatedFleet } from '../platform/simulated-fleet.js';

const booked = { trackingNumber: 'T1', estimatedDelivery: '2030-01-01' };
const create = (id?: string) => about('shipment.create', { orderId, order: details }, id);
const cancel = () => about('shipment.cancel', { orderId });
const created = about('shipment.created', { orderId, ...booked });
const cancelled = about('shipment.cancelled', { orderId });

/** A carrier that writes down what it is asked for. */
function fakeCarrier(book: () => Promise<BookingResult> = () => Promise.resolve({ booked: true, ...booked })) {
  const calls: unknown[] = [];
  const carrier: Carrier = {
    book: (parcel, { key }) => {
      calls.push({ parcel, key });
      return book();
    },
    cancel: (trackingNumber) => {
      calls.push({ cancel: trackingNumber });
      return Promise.resolve();
    },
  };
  return { calls, use: { carrier } };
}

describe('worker shipping', () => {
  it('books the items to the address, under the key of the command', async () => {
    const { use, calls } = fakeCarrier();
    await harness(shipping, { use }).when(create('command-1')).emits(created);
    const items = details.items.map(({ sku, quantity }) => ({ sku, quantity }));
    expect(calls).to.deep.equal([{ parcel: { orderId, address: details.shippingAddress, items }, key: 'command-1' }]);
  });

  it('books an order once, also when it is asked for by another command', async () => {
    const { use, calls } = fakeCarrier();
    await harness(shipping, { use }).given(create()).when(create()).emits();
    expect(calls).to.have.length(1);
  });

  it('says why the carrier refuses, and tries again while it is not available', async () => {
    const refusing = fakeCarrier(() => Promise.resolve({ booked: false, reason: 'undeliverable' }));
    await harness(shipping, { use: refusing.use })
      .when(create())
      .emits(about('shipment.failed', { orderId, reason: 'undeliverable' }));
    const down = fakeCarrier(() => Promise.reject(new UnavailableError('503')));
    await harness(shipping, { use: down.use }).when(create()).retries('worker.unavailable');
  });

  it('cancels a booking with the carrier, once', async () => {
    const { use, calls } = fakeCarrier();
    await harness(shipping, { use }).given(create()).when(cancel()).emits(cancelled);
    expect(calls[1]).to.deep.equal({ cancel: 'T1' });
    calls.length = 0;
    await harness(shipping, { use }).given(create(), cancel()).when(cancel()).emits(cancelled);
    expect(calls).to.have.length(2);
  });

  it('does not book what was cancelled before', async () => {
    const { use, calls } = fakeCarrier();
    await harness(shipping, { use }).when(cancel()).emits(cancelled);
    await harness(shipping, { use })
      .given(cancel())
      .when(create())
      .emits(about('shipment.failed', { orderId, reason: 'cancelled' }));
    expect(calls).to.deep.equal([]);
  });

  it('cancels what an attempt has booked that did not come to its end before the cancellation', async () => {
    const { use, calls } = fakeCarrier();
    await harness(shipping, { use, headers: begunBefore })
      .given(cancel())
      .when(create('command-1'))
      .emits(about('shipment.cancel', { orderId, reason: 'cancelled' }));
    expect(calls).to.have.length(1);
    expect(calls[0]).to.include({ key: 'command-1' });
  });

  it('cancels a booking that was under way when the cancellation was asked for', async () => {
    const entered = signal();
    const released = signal();
    const { use, calls } = fakeCarrier(async () => {
      entered.give();
      await released.given;
      return { booked: true, ...booked };
    });
    const fleet = await simulatedFleet([shipping], { use: { shipping: use }, random: () => 0.5 });
    try {
      const store = fleet.store('shipping');
      await append(store, create());
      await fleet.step();
      await entered.given;
      await append(store, cancel());
      await fleet.step();
      await fleet.step(); // the answer to the cancellation
      released.give();
      while (await fleet.step());
      const answers = (await store.read(`order/${orderId}`)).map(({ type }) => type);
      expect(answers.slice(2)).to.deep.equal(['shipment.cancelled', 'shipment.cancel', 'shipment.cancelled']);
      expect(calls[1]).to.deep.equal({ cancel: 'T1' });
    } finally {
      released.give();
      await fleet.stop();
    }
  });
});
