import { expect } from 'chai';
import fc from 'fast-check';
import {
  deriveStatus,
  type Coordinator,
  type DeadLetterFact,
  type OrderFact,
  type OutcomeFact,
  type SagaFact,
} from '../../../../platform/orders/status/derive-status.js';
import { advance, type OrderStatus } from '../../../../platform/orders/status/status.js';
import { orchestrated, outcome, recordFacts } from '../../support/record-facts.js';

describe('platform: the status of an order fulfilled by a saga', () => {
  const said = (command: string, type: OutcomeFact['outcome'], reason?: string): OrderFact => ({
    ...(outcome(command, type, reason) as OutcomeFact),
    orchestrated: true,
  });
  const decided = (sequence: number, decision: SagaFact['decision'], more: Partial<SagaFact> = {}): OrderFact => ({
    kind: 'saga',
    decision,
    sequence,
    ...more,
  });
  const reserved = said('c1', 'inventory.reserved');
  const paid = said('c2', 'payment.processed');
  const created: OrderFact = { ...(said('c3', 'shipment.created') as OutcomeFact), trackingNumber: 'T1' };
  const undeliverable = [
    reserved,
    paid,
    said('c3', 'shipment.failed', 'undeliverable'),
    decided(8, 'compensating', { step: 'ship', reason: 'undeliverable' }),
  ];
  const cannotRefund = decided(12, 'failed', { step: 'pay', reason: 'no answer within 1200 s' });

  const sagaWays: [OrderStatus, OrderFact[]][] = [
    ['paid', [reserved, paid, created]],
    ['paid', [reserved, paid, decided(8, 'completed')]],
    ['shipped', [reserved, paid, created, decided(8, 'completed')]],
    ['pending', [said('c1', 'inventory.rejected', 'too few')]],
    [
      'rejected',
      [
        said('c1', 'inventory.rejected', 'too few'),
        decided(4, 'compensating', { step: 'reserve', reason: 'too few' }),
        decided(5, 'compensated'),
      ],
    ],
    ['rejected', [reserved, decided(4, 'compensating', { step: 'reserve', reason: 'no answer' })]],
    ['reserved', [reserved, said('c2', 'payment.failed', 'card_declined')]],
    [
      'payment_failed',
      [
        reserved,
        said('c2', 'payment.failed', 'card_declined'),
        decided(6, 'compensating', { step: 'pay', reason: 'card_declined' }),
        said('c4', 'inventory.released'),
        decided(8, 'compensated'),
      ],
    ],
    ['shipment_failed', undeliverable],
    ['stuck', [...undeliverable, cannotRefund]],
    ['shipment_failed', [...undeliverable, cannotRefund, decided(13, 'resumed')]],
    ['stuck', [...undeliverable, cannotRefund, decided(13, 'resumed'), { ...cannotRefund, sequence: 15 } as OrderFact]],
    ['shipment_failed', [...undeliverable, cannotRefund, decided(13, 'resumed'), decided(16, 'compensated')]],
    ['cancelled', [reserved, paid, decided(6, 'compensating', { reason: 'fraud (ops)' }), decided(9, 'compensated')]],
    [
      'payment_failed',
      [
        reserved,
        decided(6, 'compensating', { step: 'pay', reason: 'no answer' }),
        decided(9, 'compensated'),
        paid,
        decided(11, 'compensating', { step: 'pay', reason: 'pay was done after all', late: true }),
        decided(14, 'compensated'),
      ],
    ],
  ];

  const anyWay = fc.constantFrom(...sagaWays).chain(([status, facts]) =>
    fc.record({
      status: fc.constant(status),
      facts: fc.constant(facts),
      shuffled: fc
        .subarray(facts)
        .chain((again) => fc.shuffledSubarray([...facts, ...again], { minLength: facts.length + again.length })),
    }),
  );

  it('follows the decisions of the saga, with decisions and answers in any order and with duplicates', () => {
    fc.assert(
      fc.property(anyWay, ({ status, facts, shuffled }) => {
        expect(recordFacts(shuffled, -1, orchestrated).state.status).to.equal(status);
        expect(deriveStatus(shuffled)).to.deep.equal(deriveStatus(facts));
      }),
    );
  });

  it('never moves back, and is cancelled once the order accepted it, even if its saga is further ahead', () => {
    fc.assert(
      fc.property(anyWay, fc.nat({ max: 12 }), ({ shuffled }, cancelAt) => {
        const { state, shown, cancelled } = recordFacts(shuffled, cancelAt, orchestrated);
        let reached = orchestrated.reached;
        for (const status of shown) {
          if (status === 'stuck') continue;
          expect(advance(reached, status)).to.equal(status);
          reached = status;
        }
        if (cancelled) expect(state.reached).to.equal('cancelled');
      }),
    );
  });

  it('includes the reason of the end, the tracking number and the required manual intervention', () => {
    const shipped = recordFacts([decided(8, 'completed'), paid, reserved, created], -1, orchestrated);
    expect(shipped.shown).to.deep.equal(['paid', 'shipped']);
    expect(shipped.state.detail.trackingNumber).to.equal('T1');
    const [, late = []] = sagaWays.at(-1) ?? [];
    expect(deriveStatus(late).reason).to.equal('no answer');
    const { state } = recordFacts([...undeliverable, cannotRefund], -1, orchestrated);
    expect(state.detail.reason).to.equal('undeliverable');
    expect(state.stuckBecause).to.equal('refund requires manual intervention: no answer within 1200 s');
  });

  const dead = (type: string, more: Partial<DeadLetterFact> = {}): OrderFact => ({
    kind: 'dead_lettered',
    deadLetterId: 'd',
    command: 'c9',
    type,
    code: 'x.y',
    ...more,
  });

  it('is stuck while a command is dead-lettered; after the end, only while a compensation is', () => {
    expect(recordFacts([reserved, dead('payment.process')], -1, orchestrated).state.status).to.equal('stuck');
    expect(recordFacts([...undeliverable, dead('shipment.create')], -1, orchestrated).state.status).to.equal(
      'shipment_failed',
    );
    expect(recordFacts([...undeliverable, dead('payment.refund')], -1, orchestrated).state.status).to.equal('stuck');
    const undone = [...undeliverable, dead('payment.refund'), decided(12, 'compensated')];
    expect(recordFacts(undone, -1, orchestrated).state.status).to.equal('shipment_failed');
  });

  it('is stuck while an answer to its saga is dead-lettered, because it may need compensation', () => {
    const untaken = dead('payment.processed', { coordinator: 'order-saga' });
    const ended = [...undeliverable, decided(12, 'compensated')];
    expect(recordFacts([...ended, untaken], -1, orchestrated).state.status).to.equal('stuck');
    expect(
      recordFacts([...ended, untaken, { kind: 'replayed', deadLetterId: 'd' }], -1, orchestrated).state.status,
    ).to.equal('shipment_failed');
  });

  it('ignores dead letters of the other coordinator', () => {
    const untaken = (coordinator: Coordinator) => dead('order.created', { coordinator });
    expect(recordFacts([untaken('order-choreography')], -1, orchestrated).state.status).to.equal('pending');
    expect(recordFacts([untaken('order-choreography')]).state.status).to.equal('stuck');
    expect(recordFacts([untaken('order-saga')], -1, orchestrated).state.status).to.equal('stuck');
    expect(recordFacts([untaken('order-saga')]).state.status).to.equal('pending');
  });
});
