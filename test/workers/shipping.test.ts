import { expect } from 'chai';
import { UnavailableError } from 'flotilla';
import { harness } from 'flotilla/testing';
import { KeyReusedError, type Refused } from 'flotilla';
import type { Booked, Carrier } from '../../workers/shipping/carrier.js';
import shipping from '../../workers/shipping/index.js';
import { about, append, begunBefore, details, orderId, signal } from '../platform/support/events.js';
import { simulatedFleet } from '../platform/support/simulated-fleet.js';

const booked = { trackingNumber: 'T1', estimatedDelivery: '2030-01-01' };
const create = (id?: string) => about('shipment.create', { orderId, order: details }, id);
const cancel = () => about('shipment.cancel', { orderId });
const created = about('shipment.created', { orderId, ...booked });
const cancelled = about('shipment.cancelled', { orderId });

const items = details.items.map(({ sku, quantity }) => ({ sku, quantity }));
const parcel = { orderId, address: details.shippingAddress, items };
const failed = about('shipment.failed', { orderId, reason: 'cancelled' });
const closed = ['shipment-o1', 'shipment-o1-2', 'shipment-o1-3', 'shipment-o1-4'].map((key) => ({ close: key }));

interface Answers {
  book?: (key: string) => Promise<Booked | Refused>;
  close?: (key: string) => Booked | undefined;
}

/** A carrier that records its calls. */
function fakeCarrier({ book = () => Promise.resolve(booked), close = () => undefined }: Answers = {}) {
  const calls: unknown[] = [];
  const carrier: Carrier = {
    book: (request, { key }) => {
      calls.push({ parcel: request, key });
      return book(key);
    },
    close: ({ key }) => {
      calls.push({ close: key });
      return Promise.resolve(close(key));
    },
    cancel: (trackingNumber) => {
      calls.push({ cancel: trackingNumber });
      return Promise.resolve();
    },
  };
  return { calls, use: { carrier } };
}

describe('worker shipping', () => {
  it('books the items to the address under one key per order for all commands', async () => {
    const { use, calls } = fakeCarrier();
    await harness(shipping, { use }).when(create('command-1')).emits(created);
    await harness(shipping, { use }).when(create('command-2')).emits(created);
    const call = { parcel, key: 'shipment-o1' };
    expect(calls).to.deep.equal([call, call]);
  });

  it('books an order once, and answers every command', async () => {
    const { use, calls } = fakeCarrier();
    await harness(shipping, { use }).given(create()).when(create()).emits(created);
    expect(calls).to.have.length(1);
  });

  it('passes on in its answers who fulfils the order', async () => {
    const fulfilment = 'orchestrated';
    const command = about('shipment.create', { orderId, order: { ...details, fulfilment } });
    const undo = about('shipment.cancel', { orderId, fulfilment });
    const { use } = fakeCarrier();
    await harness(shipping, { use })
      .when(command)
      .emits(about('shipment.created', { orderId, ...booked, fulfilment }));
    await harness(shipping, { use }).when(undo).emits(about('shipment.cancelled', { orderId, fulfilment }));
    await harness(shipping, { use })
      .given(undo)
      .when(command)
      .emits(about('shipment.failed', { orderId, reason: 'cancelled', fulfilment }));
  });

  it('reports the reason of a rejection for every command, and retries while the carrier is unavailable', async () => {
    const refusing = fakeCarrier({ book: () => Promise.resolve({ refused: 'undeliverable' }) });
    const refused = about('shipment.failed', { orderId, reason: 'undeliverable' });
    await harness(shipping, { use: refusing.use }).when(create()).emits(refused);
    expect(refusing.calls.slice(1)).to.deep.equal(closed);
    refusing.calls.length = 0;
    await harness(shipping, { use: refusing.use }).given(create()).when(create()).emits(refused);
    expect(refusing.calls).to.have.length(1 + closed.length);
    const down = fakeCarrier({ book: () => Promise.reject(new UnavailableError('503')) });
    await harness(shipping, { use: down.use }).when(create()).retries('worker.unavailable');
  });

  it('books with edited data under a new key, once the booking with the earlier data is closed', async () => {
    const book = (key: string) =>
      key === 'shipment-o1'
        ? Promise.reject(new KeyReusedError(key))
        : Promise.resolve({ ...booked, trackingNumber: 'T2' });
    await harness(shipping, { use: fakeCarrier({ book }).use })
      .when(create())
      .emits(about('shipment.created', { orderId, ...booked, trackingNumber: 'T2' }));
    const { use, calls } = fakeCarrier({ book, close: () => booked });
    await harness(shipping, { use }).when(create()).emits(created);
    expect(calls.slice(1)).to.deep.equal([{ close: 'shipment-o1' }]);
  });

  it('cancels a booking with the carrier once', async () => {
    const { use, calls } = fakeCarrier();
    await harness(shipping, { use }).given(create()).when(cancel()).emits(cancelled);
    expect(calls[1]).to.deep.equal({ cancel: 'T1' });
    calls.length = 0;
    await harness(shipping, { use }).given(create(), cancel()).when(cancel()).emits(cancelled);
    expect(calls).to.have.length(2);
  });

  it('cancels nothing without a booking, and prevents a later booking', async () => {
    const { use, calls } = fakeCarrier();
    await harness(shipping, { use }).when(cancel()).emits(cancelled);
    expect(calls).to.deep.equal(closed);
    calls.length = 0;
    await harness(shipping, { use }).given(cancel()).when(create()).emits(failed);
    expect(calls).to.have.length(closed.length);
  });

  it('cancels the booking of an attempt that was killed before it recorded the booking', async () => {
    const { use, calls } = fakeCarrier({ close: () => booked });
    await harness(shipping, { use }).when(cancel()).emits(cancelled);
    expect(calls).to.deep.equal([{ close: 'shipment-o1' }, { cancel: 'T1' }]);
    await harness(shipping, { use, headers: begunBefore }).given(cancel()).when(create()).emits(failed);
  });

  it('cancels a booking with edited data, also if its response was lost', async () => {
    const { use, calls } = fakeCarrier({ close: (key) => (key === 'shipment-o1-2' ? booked : undefined) });
    await harness(shipping, { use }).when(cancel()).emits(cancelled);
    expect(calls).to.deep.equal([...closed.slice(0, 2), { cancel: 'T1' }]);
  });

  it('cancels a booking that the carrier did not know yet when the cancellation was requested', async () => {
    let looks = 0;
    const { use } = fakeCarrier({ close: (key) => (key === 'shipment-o1' && ++looks > 1 ? booked : undefined) });
    await harness(shipping, { use, headers: begunBefore })
      .given(cancel())
      .when(create())
      .emits(about('shipment.cancel', { orderId, reason: 'cancelled' }), failed);
  });

  for (const isBooked of [true, false]) {
    it(`emits consistent events for a cancellation while it is ${isBooked ? 'booked' : 'on its way'}`, async () => {
      const entered = signal();
      const released = signal();
      const { use, calls } = fakeCarrier({
        book: async () => {
          entered.give();
          await released.given;
          return isBooked ? booked : { refused: 'cancelled' };
        },
        close: () => (isBooked ? booked : undefined),
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
        expect(answers.slice(2)).to.deep.equal(['shipment.cancelled', 'shipment.failed']);
        expect(calls.filter((call) => 'cancel' in (call as object))).to.have.length(isBooked ? 1 : 0);
      } finally {
        released.give();
        await fleet.stop();
      }
    });
  }
});
