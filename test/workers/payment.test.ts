import { expect } from 'chai';
import { harness } from 'flotilla/testing';
import { PermanentError, UnavailableError } from 'flotilla';
import type { ChargeResult, Gateway } from '../../workers/payment/gateway.js';
import payment from '../../workers/payment/index.js';
import { about, append, begunBefore, details, orderId, signal } from '../platform/events.js';
import { simulatedFleet } from '../platform/simulated-fleet.js';

const order = details;
const process = (id?: string) => about('payment.process', { orderId, order }, id);
const refund = (id?: string) => about('payment.refund', { orderId }, id);

/** A gateway that writes down what it is asked for. */
function fakeGateway(charge: () => Promise<ChargeResult> = () => Promise.resolve({ charged: true, id: 'ch_1' })) {
  const calls: unknown[] = [];
  const gateway: Gateway = {
    charge: (request, { key }) => {
      calls.push({ charge: request, key });
      return charge();
    },
    cancel: ({ key }) => {
      calls.push({ cancel: key });
      return charge();
    },
    refund: (request, { key }) => {
      calls.push({ refund: request, key });
      return Promise.resolve();
    },
  };
  return { calls, use: { gateway } };
}

const processed = about('payment.processed', { orderId, order, paymentId: 'ch_1', amount: 1250, currency: 'USD' });

describe('worker payment', () => {
  it('charges what the order costs, under the key of the command', async () => {
    const { use, calls } = fakeGateway();
    await harness(payment, { use }).when(process('command-1')).emits(processed);
    const charge = { orderId, amount: 1250, currency: 'USD', token: 'tok_ok' };
    expect(calls).to.deep.equal([{ charge, key: 'command-1' }]);
  });

  it('charges an order once, also when it is asked for by another command', async () => {
    const { use, calls } = fakeGateway();
    await harness(payment, { use }).given(process()).when(process()).emits();
    expect(calls).to.have.length(1);
  });

  it('does not trouble the gateway with an order that costs nothing', async () => {
    const { use, calls } = fakeGateway();
    const free = { ...order, total: 0 };
    const paymentId = `free-${orderId}`;
    const scenario = harness(payment, { use }).given(about('payment.process', { orderId, order: free }));
    await harness(payment, { use })
      .when(about('payment.process', { orderId, order: free }))
      .emits(about('payment.processed', { orderId, order: free, paymentId, amount: 0, currency: 'USD' }));
    await scenario.when(refund()).emits(about('payment.refunded', { orderId, amount: 0 }));
    expect(calls).to.deep.equal([]);
  });

  it('says why a card was declined', async () => {
    const { use } = fakeGateway(() => Promise.resolve({ charged: false, reason: 'card_declined' }));
    await harness(payment, { use })
      .when(process())
      .emits(about('payment.failed', { orderId, reason: 'card_declined' }));
  });

  it('tries again while the gateway is not available, and not where it refuses the request', async () => {
    const down = fakeGateway(() => Promise.reject(new UnavailableError('503')));
    await harness(payment, { use: down.use }).when(process()).retries('worker.unavailable');
    const refused = fakeGateway(() => Promise.reject(new PermanentError('http.refused', '400')));
    await harness(payment, { use: refused.use }).when(process()).deadLetters('http.refused');
  });

  it('refunds a charge once, under a key that two refunds share', async () => {
    const { use, calls } = fakeGateway();
    const refunded = about('payment.refunded', { orderId, amount: 1250 });
    await harness(payment, { use }).given(process()).when(refund()).emits(refunded);
    expect(calls[1]).to.deep.equal({ refund: { chargeId: 'ch_1', orderId, amount: 1250 }, key: 'refund-ch_1' });
    calls.length = 0;
    await harness(payment, { use }).given(process(), refund()).when(refund()).emits(refunded);
    expect(calls).to.have.length(2);
  });

  it('refunds nothing where nothing was charged, and then does not charge', async () => {
    const { use, calls } = fakeGateway();
    await harness(payment, { use })
      .when(refund())
      .emits(about('payment.refunded', { orderId, amount: 0 }));
    await harness(payment, { use })
      .given(refund())
      .when(process())
      .emits(about('payment.failed', { orderId, reason: 'cancelled' }));
    expect(calls).to.deep.equal([]);
  });

  it('gives back what an attempt has taken that did not come to its end before the refund was asked for', async () => {
    const { use, calls } = fakeGateway();
    await harness(payment, { use, headers: begunBefore })
      .given(refund())
      .when(process('command-1'))
      .emits(about('payment.refund', { orderId, reason: 'cancelled' }));
    expect(calls).to.deep.equal([{ cancel: 'command-1' }]);
    const untouched = fakeGateway(() => Promise.resolve({ charged: false, reason: 'cancelled' }));
    await harness(payment, { use: untouched.use, headers: begunBefore })
      .given(refund())
      .when(process('command-1'))
      .emits(about('payment.failed', { orderId, reason: 'cancelled' }));
  });

  it('refunds a charge that was under way when the refund was asked for', async () => {
    const entered = signal();
    const released = signal();
    const { use, calls } = fakeGateway(async () => {
      entered.give();
      await released.given;
      return { charged: true, id: 'ch_1' };
    });
    const fleet = await simulatedFleet([payment], { use: { payment: use }, random: () => 0.5 });
    try {
      const store = fleet.store('payment');
      await append(store, process());
      await fleet.step();
      await entered.given;
      await append(store, refund());
      await fleet.step();
      await fleet.step(); // the answer to the refund
      released.give();
      while (await fleet.step());
      const answers = (await store.read(`order/${orderId}`)).map(({ event: { type, data } }) => [type, data]);
      expect(answers.slice(2)).to.deep.equal([
        ['payment.refunded', { orderId, amount: 0 }],
        ['payment.refund', { orderId, reason: 'cancelled' }],
        ['payment.refunded', { orderId, reason: 'cancelled', amount: 1250 }],
      ]);
      expect(calls).to.have.length(2);
    } finally {
      released.give();
      await fleet.stop();
    }
  });

  it('refunds nothing where the card was declined', async () => {
    const { use, calls } = fakeGateway(() => Promise.resolve({ charged: false, reason: 'card_declined' }));
    await harness(payment, { use })
      .given(process())
      .when(refund())
      .emits(about('payment.refunded', { orderId, amount: 0 }));
    expect(calls).to.have.length(1);
  });
});
