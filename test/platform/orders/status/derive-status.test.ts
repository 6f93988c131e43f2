import { expect } from 'chai';
import fc from 'fast-check';
import { order } from '../../../../platform/orders/order.js';
import { deriveStatus, type OrderFact } from '../../../../platform/orders/status/derive-status.js';
import { advance } from '../../../../platform/orders/status/status.js';
import { details, outcome, placed, run, recordFacts } from '../../support/record-facts.js';

/** Every course of an order without a cancellation. */
const ways: OrderFact[][] = [
  [outcome('c1', 'inventory.rejected', 'unknown SKU x')],
  [outcome('c1', 'inventory.reserved')],
  [
    outcome('c1', 'inventory.reserved'),
    outcome('c2', 'payment.failed', 'card_declined'),
    outcome('c3', 'inventory.released'),
  ],
  [outcome('c1', 'inventory.reserved'), outcome('c2', 'payment.processed')],
  [outcome('c1', 'inventory.reserved'), outcome('c2', 'payment.processed'), outcome('c3', 'shipment.created')],
  [
    outcome('c1', 'inventory.reserved'),
    outcome('c2', 'payment.processed'),
    outcome('c3', 'shipment.failed', 'undeliverable'),
    outcome('c4', 'payment.refunded'),
    outcome('c5', 'inventory.released'),
  ],
];
const types = ['inventory.reserve', 'payment.process', 'shipment.create', 'payment.refund', 'inventory.release'];

/** Dead letters of commands that may be answered, replayed or discarded. */
const deadLetters = fc
  .array(fc.record({ n: fc.integer({ min: 1, max: 5 }), replayed: fc.boolean(), discarded: fc.boolean() }), {
    maxLength: 3,
  })
  .map((letters) =>
    letters.flatMap(({ n, replayed, discarded }, index): OrderFact[] => {
      const deadLetterId = `d${index}`;
      return [
        {
          kind: 'dead_lettered',
          deadLetterId,
          command: `c${n}`,
          type: types[n - 1] ?? '',
          code: 'worker.handler_failed',
        },
        ...(replayed ? [{ kind: 'replayed', deadLetterId } as const] : []),
        ...(discarded ? [{ kind: 'discarded', deadLetterId } as const] : []),
      ];
    }),
  );

/** The facts of one order, and a shuffled copy with duplicates. */
const histories = fc
  .tuple(fc.constantFrom(...ways), deadLetters)
  .map(([way, dead]) => [...way, ...dead])
  .chain((facts) =>
    fc.record({
      facts: fc.constant(facts),
      shuffled: fc
        .subarray(facts)
        .chain((again) => fc.shuffledSubarray([...facts, ...again], { minLength: facts.length + again.length })),
    }),
  );

describe('platform: the status of an order', () => {
  it('is the same for facts in any order and with duplicates', () => {
    fc.assert(
      fc.property(histories, ({ facts, shuffled }) => {
        expect(recordFacts(shuffled).state.status).to.equal(recordFacts(facts).state.status);
        expect(deriveStatus(shuffled)).to.deep.equal(deriveStatus(facts));
      }),
    );
  });

  it('never moves back, except that `stuck` is temporary', () => {
    fc.assert(
      fc.property(histories, fc.nat({ max: 12 }), ({ shuffled }, cancelAt) => {
        const { shown } = recordFacts(shuffled, cancelAt);
        let reached = placed.reached;
        for (const status of shown) {
          if (status === 'stuck') continue;
          expect(advance(reached, status)).to.equal(status);
          reached = status;
        }
      }),
    );
  });

  it('is cancelled once the order accepted it, regardless of later answers of the services', () => {
    fc.assert(
      fc.property(histories, fc.nat({ max: 12 }), ({ shuffled }, cancelAt) => {
        const { state, cancelled } = recordFacts(shuffled, cancelAt);
        if (cancelled) expect(state.reached).to.equal('cancelled');
      }),
    );
  });

  it('includes the reason of the end, also after it was stuck', () => {
    const [, , declined = []] = ways;
    const dead: OrderFact = {
      kind: 'dead_lettered',
      deadLetterId: 'd',
      command: 'c9',
      type: 'inventory.release',
      code: 'store.io',
    };
    const stuck = recordFacts([...declined.slice(0, 2), dead]);
    expect(stuck.shown).to.deep.equal(['reserved', 'payment_failed', 'stuck']);
    expect(stuck.state.stuckBecause).to.equal('inventory.release failed: store.io');
    const mended = recordFacts([...declined.slice(0, 2), dead, { kind: 'replayed', deadLetterId: 'd' }]);
    expect(mended.shown).to.deep.equal(['reserved', 'payment_failed', 'stuck', 'payment_failed']);
    expect(mended.state.detail.reason).to.equal('card_declined');
  });

  it('is stuck while a command is dead-lettered, until it is replayed or answered', () => {
    const dead: OrderFact = {
      kind: 'dead_lettered',
      deadLetterId: 'd',
      command: 'c2',
      type: 'payment.process',
      code: 'x.y',
    };
    const reserved = outcome('c1', 'inventory.reserved');
    expect(recordFacts([reserved, dead]).state.status).to.equal('stuck');
    expect(recordFacts([reserved, dead, { kind: 'discarded', deadLetterId: 'd' }]).state.status).to.equal('stuck');
    expect(recordFacts([reserved, dead, { kind: 'replayed', deadLetterId: 'd' }]).state.status).to.equal('reserved');
    expect(recordFacts([reserved, dead, outcome('c2', 'payment.processed')]).state.status).to.equal('paid');
    expect(recordFacts([reserved, dead, outcome('another', 'payment.processed')]).state.status).to.equal('stuck');
  });

  it('is not stuck by a dead-lettered forward command once the order has ended', () => {
    const dead: OrderFact = {
      kind: 'dead_lettered',
      deadLetterId: 'd',
      command: 'c2',
      type: 'payment.process',
      code: 'x.y',
    };
    const { state } = recordFacts([outcome('c1', 'inventory.reserved'), dead, outcome('c9', 'inventory.released')], 2);
    expect(state.status).to.equal('cancelled');
  });
});

describe('platform: stuck orders that have ended', () => {
  const release: OrderFact = {
    kind: 'dead_lettered',
    deadLetterId: 'd',
    command: 'c9',
    type: 'inventory.release',
    code: 'x.y',
  };

  it('are stuck by a dead-lettered compensation, until it is discarded', () => {
    const declined = (ways[2] ?? []).slice(0, 2);
    expect(recordFacts([...declined, release]).state.status).to.equal('stuck');
    const discarded: OrderFact = { kind: 'discarded', deadLetterId: 'd' };
    expect(recordFacts([...declined, release, discarded]).state.status).to.equal('payment_failed');
  });

  it('are not stuck if the order was shipped', () => {
    expect(recordFacts([...(ways[4] ?? []), release]).state.status).to.equal('shipped');
  });
});

describe('platform: an order', () => {
  const shipped = recordFacts(ways[4] ?? []).state;

  it('costs the sum of its items', () => {
    expect(placed.details?.total).to.equal(1000);
  });

  it('is not placed twice', () => {
    expect(() => order.decide({ type: 'create', orderId: 'o1', details }, placed)).to.throw('already');
  });

  it('rejects a total that is not a safe integer', () => {
    const items = Array.from({ length: 100 }, () => ({ sku: 'item_1', quantity: 10_000, unitPrice: 1_000_000_000 }));
    expect(() => order.decide({ type: 'create', orderId: 'o2', details: { ...details, items } }, order.initial))
      .to.throw()
      .with.property('code', 'order.total_too_large');
  });

  it('cannot be cancelled once it is shipped', () => {
    expect(() => order.decide({ type: 'cancel' }, shipped))
      .to.throw()
      .with.property('code', 'order.not_cancellable');
  });

  it('is cancelled once', () => {
    const { state, shown } = run({ type: 'cancel', reason: 'changed my mind' }, placed);
    expect(shown).to.deep.equal(['cancelled']);
    expect(state.detail.reason).to.equal('changed my mind');
    expect(order.decide({ type: 'cancel' }, state)).to.deep.equal([]);
  });

  it('has no status if it does not exist', () => {
    expect(order.decide({ type: 'set_status', ...deriveStatus(ways[1] ?? []) }, order.initial)).to.deep.equal([]);
  });
});
