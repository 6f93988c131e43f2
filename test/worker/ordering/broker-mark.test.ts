import { expect } from 'chai';
import type { Broker } from '../../../src/broker/broker.js';
import type { MemoryBroker } from '../../../src/broker/memory/broker.js';
import { systemClock } from '../../../src/concurrency/clock.js';
import { eventually } from '../../support/eventually.js';
import { codeOf as codeOfRejection } from '../../contract/store-events.js';
import { openSteppers, stepper, type Steppers } from './support/ordered.js';

/** Waits as long as for another process that looks at the mark, in less time. */
const hurried = { clock: { ...systemClock, elapsed: () => systemClock.elapsed() * 50 } };

for (const kind of ['memory', 'rabbitmq'] as const) {
  describe(`an ordered worker and its broker, on ${kind}`, function () {
    this.timeout(60_000);
    let steppers: Steppers;
    let other: Steppers;
    beforeEach(async () => ([steppers, other] = [await openSteppers(kind), await openSteppers(kind)]));
    afterEach(async () => {
      await steppers.close();
      await other.close();
    });

    const marks = ({ ready, names }: Steppers) => ready(names.mark('stepper'));
    const handled = (count: number) =>
      eventually(`${count} are handled`, async () => (await steppers.steps()).length >= count);

    it('refuses to start in another broker, which has the same queues', async () => {
      const first = await steppers.start(stepper());
      await steppers.publish('a', 1);
      await handled(1);
      await first.end();
      const moved = { broker: other.broker, prefix: other.prefix, ...hurried };
      expect(await codeOfRejection(steppers.start(stepper(), moved))).to.equal('worker.broker_changed');
      await steppers.start(stepper());
      await steppers.publish('a', 2);
      await handled(2);
      expect(await steppers.steps()).to.deep.equal(['a 1', 'a 2']);
    });

    it('agrees on one mark when its first replicas start at the same time', async () => {
      await Promise.all([1, 2, 3].map(() => steppers.start(stepper())));
      await steppers.start(stepper());
      await eventually('one mark is left', async () => (await marks(steppers)) === 1);
    });

    if (kind === 'memory')
      it('ends when another broker is behind its connection', async () => {
        const fatal: Error[] = [];
        await steppers.start(stepper(), { ...hurried, onFatal: (error) => fatal.push(error) });
        await steppers.publish('a', 1);
        await handled(1);
        await takeMark(steppers);
        (steppers.broker as MemoryBroker).fault.disconnect();
        (steppers.broker as MemoryBroker).fault.reconnect();
        await steppers.publish('a', 2);
        await eventually('it ends', () => fatal.length > 0);
        expect(fatal[0]).to.have.property('code', 'worker.broker_changed');
        expect(await steppers.steps()).to.deep.equal(['a 1']);
      });
  });
}

async function takeMark({ broker, names, ready }: Steppers & { broker: Broker }): Promise<void> {
  const consumer = broker.consume(names.mark('stepper'), { prefetch: 1, onDelivery: (delivery) => delivery.ack() });
  await eventually('it is gone', async () => (await ready(names.mark('stepper'))) === 0);
  await consumer.close();
}
