import { expect } from 'chai';
import { harness } from 'flotilla/testing';
import { PermanentError, UnavailableError } from 'flotilla';
import { KeyReusedError, type Refused } from 'flotilla';
import type { Charged, Gateway } from '../../workers/payment/gateway.js';
import payment from '../../workers/payment/index.js';
import { about, append, begunBefore, details, orderId, signal } from '../platform/support/events.js';
import { simulatedFleet } from '../platform/support/simulated-fleet.js';

const order = details;
const process = (id?: string) => about('payment.process', { orderId, order }, id);
const refund = (id?: string) => about('payment.refund', { orderId }, id);

const charge = { id: 'ch_1', amount: 1250, currency: 'USD' };
const sent = { orderId, amount: 1250, currency: 'USD', token: 'tok_ok' };
const declined = { refused: 'card_declined' };
const closed = ['charge-o1', 'charge-o1-2', 'charge-o1-3', 'charge-o1-4'].map((key) => ({ cancel: key }));

interface Answers {
  charge?: (key: string) => Promise<Charged | Refused>;
  cancel?: (key: string) => Charged | undefined;
}

/** A gateway that records its calls. */
function fakeGateway({ charge: answer = () => Promise.resolve(charge), cancel = () => undefined }: Answers = {}) {
  const calls: unknown[] = [];
  const gateway: Gateway = {
    charge: (request, { key }) => {
      calls.push({ charge: request, key });
      return answer(key);
    },
    cancel: ({ key }) => {
      calls.push({ cancel: key });
      return Promise.resolve(cancel(key));
    },
    refund: (request, { key }) => {
      calls.push({ refund: request, key });
      return Promise.resolve();
    },
  };
  return { calls, use: { gateway } };
}

/** A gateway that remembers the data of each key: `tok_down` is unavailable, and the response to `tok_lost` is lost. */
function strictGateway() {
  const keys = new Map<string, { token: string; taken?: Charged; closed?: boolean }>();
  const taken: string[] = [];
  const refunded: string[] = [];
  const gateway: Gateway = {
    charge: ({ token, amount, currency }, { key }) => {
      const known = keys.get(key) ?? { token };
      keys.set(key, known);
      if (known.token !== token && known.token !== '') return Promise.reject(new KeyReusedError(key));
      if (known.closed === true) return Promise.resolve({ refused: 'cancelled' });
      if (token === 'tok_down') return Promise.reject(new UnavailableError('503'));
      if (known.taken === undefined) taken.push(token);
      known.taken ??= { id: `ch_${taken.length}`, amount, currency };
      return token === 'tok_lost' ? Promise.reject(new UnavailableError('lost')) : Promise.resolve(known.taken);
    },
    cancel: ({ key }) => {
      const known = keys.get(key) ?? { token: '' };
      keys.set(key, { ...known, closed: known.taken === undefined });
      return Promise.resolve(known.taken);
    },
    refund: ({ chargeId }) => {
      refunded.push(chargeId);
      return Promise.resolve();
    },
  };
  return { taken, refunded, use: { gateway } };
}

const charged = { orderId, order, paymentId: 'ch_1', amount: 1250, currency: 'USD' };
const refundOfCharge = { refund: { chargeId: 'ch_1', orderId, amount: 1250 }, key: 'refund-ch_1' };
const processed = about('payment.processed', charged);

describe('worker payment', () => {
  it('charges the total of the order under one key per order for all commands', async () => {
    const { use, calls } = fakeGateway();
    await harness(payment, { use }).when(process('command-1')).emits(processed);
    await harness(payment, { use }).when(process('command-2')).emits(processed);
    const call = { charge: sent, key: 'charge-o1' };
    expect(calls).to.deep.equal([call, call]);
  });

  it('charges an order once, and answers every command', async () => {
    const { use, calls } = fakeGateway();
    await harness(payment, { use }).given(process()).when(process()).emits(processed);
    expect(calls).to.have.length(1);
  });

  it('passes on in its answers who fulfils the order', async () => {
    const marked = { ...order, fulfilment: 'orchestrated' } as const;
    const command = about('payment.process', { orderId, order: marked });
    const undo = about('payment.refund', { orderId, fulfilment: 'orchestrated' });
    await harness(payment, { use: fakeGateway().use })
      .when(command)
      .emits(about('payment.processed', { ...charged, order: marked }));
    await harness(payment, { use: fakeGateway({ charge: () => Promise.resolve(declined) }).use })
      .when(command)
      .emits(about('payment.failed', { orderId, reason: 'card_declined', fulfilment: 'orchestrated' }));
    await harness(payment, { use: fakeGateway().use })
      .when(undo)
      .emits(about('payment.refunded', { orderId, amount: 0, fulfilment: 'orchestrated' }));
    await harness(payment, { use: fakeGateway({ cancel: () => charge }).use, headers: begunBefore })
      .given(about('payment.refund', { orderId }), undo)
      .when(command)
      .emits(about('payment.failed', { orderId, reason: 'cancelled', fulfilment: 'orchestrated' }));
  });

  describe('after the data of a command were edited', () => {
    const others = (key: string) =>
      key === 'charge-o1' ? Promise.reject(new KeyReusedError(key)) : Promise.resolve({ ...charge, id: 'ch_2' });

    it('charges under a new key, once the charge with the earlier data is closed', async () => {
      const { use, calls } = fakeGateway({ charge: others });
      await harness(payment, { use })
        .when(process())
        .emits(about('payment.processed', { ...charged, paymentId: 'ch_2' }));
      expect(calls.slice(0, 2)).to.deep.equal([{ charge: sent, key: 'charge-o1' }, { cancel: 'charge-o1' }]);
    });

    it('charges once, after any number of edits and lost responses', async () => {
      const gateway = strictGateway();
      const ask = (token: string) =>
        harness(payment, { use: gateway.use, headers: begunBefore }).when(
          about('payment.process', { orderId, order: { ...order, payment: { token } } }),
        );
      await ask('tok_down').retries('worker.unavailable');
      await ask('tok_lost').retries('worker.unavailable');
      await ask('tok_ok').emits(processed);
      await ask('tok_lost').result();
      expect(gateway.taken).to.deep.equal(['tok_lost']);
    });

    it('refunds a charge with edited data, also if its response was lost', async () => {
      const gateway = strictGateway();
      for (const token of ['tok_down', 'tok_lost']) {
        const mended = about('payment.process', { orderId, order: { ...order, payment: { token } } });
        await harness(payment, { use: gateway.use }).when(mended).retries('worker.unavailable');
      }
      await harness(payment, { use: gateway.use })
        .when(refund())
        .emits(about('payment.refunded', { orderId, amount: 1250 }));
      expect(gateway.refunded).to.deep.equal(['ch_1']);
    });

    it('refunds the charge if the edited order costs nothing', async () => {
      const free = { ...order, total: 0 };
      const { use, calls } = fakeGateway({ cancel: (key) => (key === 'charge-o1' ? charge : undefined) });
      await harness(payment, { use, headers: begunBefore })
        .when(about('payment.process', { orderId, order: free }))
        .emits(about('payment.processed', { ...charged, order: free, paymentId: `free-${orderId}`, amount: 0 }));
      expect(calls).to.deep.equal([{ cancel: 'charge-o1' }, refundOfCharge]);
    });

    it('dead-letters a command that was edited too often', async () => {
      const { use } = fakeGateway({ charge: (key) => Promise.reject(new KeyReusedError(key)) });
      await harness(payment, { use }).when(process()).deadLetters('outside.key_reused');
    });

    it('accepts a charge with the earlier data as payment', async () => {
      const { use, calls } = fakeGateway({ charge: others, cancel: () => charge });
      await harness(payment, { use }).when(process()).emits(processed);
      expect(calls).to.have.length(2);
    });

    it('refunds a charge with the earlier data and another amount, and does not accept it as payment', async () => {
      const { use, calls } = fakeGateway({ charge: others, cancel: () => ({ ...charge, amount: 1000 }) });
      await harness(payment, { use }).when(process()).deadLetters('payment.mismatch');
      expect(calls[2]).to.deep.equal({ ...refundOfCharge, refund: { ...refundOfCharge.refund, amount: 1000 } });
    });
  });

  for (const [what, wrong] of [
    ['amount', { amount: 1 }],
    ['currency', { currency: 'JPY' }],
  ] as const) {
    it(`refunds a charge whose ${what} is not the order's, and dead-letters the command`, async () => {
      const taken = { ...charge, ...wrong };
      const { use, calls } = fakeGateway({ charge: () => Promise.resolve(taken), cancel: () => taken });
      await harness(payment, { use }).when(process()).deadLetters('payment.mismatch');
      const given = { refund: { chargeId: 'ch_1', orderId, amount: taken.amount }, key: 'refund-ch_1' };
      expect(calls).to.deep.equal([{ charge: sent, key: 'charge-o1' }, given]);
      // the compensation finds the charge under the order's key and refunds it under the previous key
      calls.length = 0;
      await harness(payment, { use })
        .when(refund())
        .emits(about('payment.refunded', { orderId, amount: taken.amount }));
      expect(calls.at(-1)).to.deep.equal(given);
    });
  }

  it('does not call the gateway for an order that costs nothing', async () => {
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

  it('reports the reason of a decline for every command, and does not charge again', async () => {
    const { use, calls } = fakeGateway({ charge: () => Promise.resolve(declined) });
    const failed = about('payment.failed', { orderId, reason: 'card_declined' });
    await harness(payment, { use }).when(process()).emits(failed);
    expect(calls.slice(1)).to.deep.equal(closed);
    calls.length = 0;
    await harness(payment, { use }).given(process()).when(process()).emits(failed);
    expect(calls).to.have.length(1 + closed.length);
  });

  it('accepts the concurrent charge of another command when this one was declined', async () => {
    const { use } = fakeGateway({ charge: () => Promise.resolve(declined), cancel: () => charge });
    await harness(payment, { use }).when(process()).emits(processed);
  });

  it('retries while the gateway is unavailable, and dead-letters a request that it rejects', async () => {
    const down = fakeGateway({ charge: () => Promise.reject(new UnavailableError('503')) });
    await harness(payment, { use: down.use }).when(process()).retries('worker.unavailable');
    const refused = fakeGateway({ charge: () => Promise.reject(new PermanentError('http.refused', '400')) });
    await harness(payment, { use: refused.use }).when(process()).deadLetters('http.refused');
  });

  it('refunds a charge once, under one key for repeated refunds', async () => {
    const { use, calls } = fakeGateway();
    const refunded = about('payment.refunded', { orderId, amount: 1250 });
    await harness(payment, { use }).given(process()).when(refund()).emits(refunded);
    expect(calls[1]).to.deep.equal({ refund: { chargeId: 'ch_1', orderId, amount: 1250 }, key: 'refund-ch_1' });
    calls.length = 0;
    await harness(payment, { use }).given(process(), refund()).when(refund()).emits(refunded);
    expect(calls).to.have.length(2);
  });

  it('refunds 0 without a charge, and prevents a later charge', async () => {
    const { use, calls } = fakeGateway();
    await harness(payment, { use })
      .when(refund())
      .emits(about('payment.refunded', { orderId, amount: 0 }));
    expect(calls).to.deep.equal(closed);
    calls.length = 0;
    await harness(payment, { use })
      .given(refund())
      .when(process())
      .emits(about('payment.failed', { orderId, reason: 'cancelled' }));
    expect(calls).to.have.length(closed.length);
  });

  it('refunds the charge of an attempt that was killed before it recorded the charge', async () => {
    const { use, calls } = fakeGateway({ cancel: () => charge });
    const refunded = about('payment.refunded', { orderId, amount: 1250 });
    await harness(payment, { use }).when(refund()).emits(refunded);
    const given = { refund: { chargeId: 'ch_1', orderId, amount: 1250 }, key: 'refund-ch_1' };
    expect(calls).to.deep.equal([{ cancel: 'charge-o1' }, given]);
    await harness(payment, { use: fakeGateway({ cancel: () => charge }).use })
      .given(refund())
      .when(refund())
      .emits(refunded);
    await harness(payment, { use: fakeGateway({ cancel: () => charge }).use, headers: begunBefore })
      .given(refund())
      .when(process())
      .emits(about('payment.failed', { orderId, reason: 'cancelled' }));
  });

  it('refunds a charge that the gateway did not know yet when the refund was requested', async () => {
    let looks = 0;
    const cancel = (key: string) => (key === 'charge-o1' && ++looks > 1 ? charge : undefined);
    await harness(payment, { use: fakeGateway({ cancel }).use, headers: begunBefore })
      .given(refund())
      .when(process())
      .emits(
        about('payment.refund', { orderId, reason: 'cancelled' }),
        about('payment.failed', { orderId, reason: 'cancelled' }),
      );
  });

  for (const isTaken of [true, false]) {
    it(`emits consistent events for a refund while the charge is ${isTaken ? 'taken' : 'on its way'}`, async () => {
      const entered = signal();
      const released = signal();
      const { use, calls } = fakeGateway({
        charge: async () => {
          entered.give();
          await released.given;
          return isTaken ? charge : { refused: 'cancelled' };
        },
        cancel: () => (isTaken ? charge : undefined),
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
          ['payment.refunded', { orderId, amount: isTaken ? 1250 : 0 }],
          ['payment.failed', { orderId, reason: 'cancelled' }],
        ]);
        expect(calls.filter((call) => 'refund' in (call as object))).to.have.length(isTaken ? 1 : 0);
      } finally {
        released.give();
        await fleet.stop();
      }
    });
  }

  it('refunds 0 if the card was declined', async () => {
    const { use, calls } = fakeGateway({ charge: () => Promise.resolve(declined) });
    await harness(payment, { use })
      .given(process())
      .when(refund())
      .emits(about('payment.refunded', { orderId, amount: 0 }));
    expect(calls).to.have.length(1 + closed.length);
  });
});
