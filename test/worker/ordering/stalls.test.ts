import { expect } from 'chai';
import type { Broker, Consumer } from '../../../src/broker/broker.js';
import { createManagement } from '../../../src/broker/rabbitmq/management/management.js';
import { partitionQueues } from '../../../src/broker/topology/partition-sets.js';
import { createMetrics } from '../../../src/telemetry/metrics.js';
import { eventually } from '../../support/eventually.js';
import { testBroker } from '../../support/rabbitmq.js';
import { openSteppers, stepper, type Steppers } from './support/ordered.js';

/** Consumes nothing, as far as the broker knows. */
const unregistered: Consumer = {
  consuming: true,
  cancel: async () => undefined,
  resume: async () => undefined,
  close: async () => undefined,
};

/** The two subjects are in the same one of four partitions. */
const SUBJECTS = ['a', 'b'] as const;

describe('a partition that delivers nothing', function () {
  this.timeout(60_000);
  let steppers: Steppers;
  let metrics: ReturnType<typeof createMetrics>;
  beforeEach(async () => {
    steppers = await openSteppers('rabbitmq');
    metrics = createMetrics();
  });
  afterEach(() => steppers.close());

  const stalls = async () => (await metrics.partitionStalled.get()).values.reduce((sum, { value }) => sum + value, 0);
  const handled = (count: number) =>
    eventually(`${count} are handled`, async () => (await steppers.steps()).length >= count);

  /** The broker as a replica sees it, with a fault of its partitions. */
  function flawed(fault: { loses?: 'messages' | 'consumers' } = {}) {
    const state = { ...fault, opened: 0 };
    const broker: Broker = {
      ...steppers.broker,
      consume(queue, options) {
        if (!partitions().includes(queue)) return steppers.broker.consume(queue, options);
        state.opened += 1;
        if (state.loses === 'consumers') return unregistered;
        return steppers.broker.consume(queue, {
          ...options,
          onDelivery: (delivery) => {
            if (state.loses !== 'messages') options.onDelivery(delivery);
          },
        });
      },
    };
    return { state, broker };
  }

  it('is consumed again on a new channel, and reported', async () => {
    const { state, broker } = flawed();
    const worker = await steppers.start(stepper({ prefetch: 1 }), { broker, metrics, stallAfter: 200 });
    await steppers.publish('a', 1);
    await handled(1);
    state.loses = 'messages';
    for (const n of [2, 3, 4]) await steppers.publish('a', n);
    await eventually('it is reported', () => worker.state().partitions.some(({ isStalled }) => isStalled));
    expect(await stalls()).to.equal(1);
    delete state.loses;
    await handled(4);
    expect(await steppers.steps()).to.deep.equal(['a 1', 'a 2', 'a 3', 'a 4']);
    await eventually('the stall is over', () => worker.state().partitions.every(({ isStalled }) => !isStalled));
    expect(
      worker
        .state()
        .partitions.map((partition) => partition.stalls)
        .sort(),
    ).to.deep.equal([0, 0, 0, 1]);
    expect(steppers.log.lines.map(({ message }) => message)).to.include(
      'A partition has messages and delivers none; replacing its channel',
    );
  });

  it('is reported if the broker has no active consumer', async () => {
    const { state, broker } = flawed({ loses: 'consumers' });
    await steppers.start(stepper(), { broker, metrics, stallAfter: 200 });
    await steppers.publish('a', 1);
    await eventually('it is reported', async () => (await stalls()) === 1);
    delete state.loses;
    await handled(1);
  });

  it('is not reported by a replica that waits for its turn', async () => {
    let unblock = () => {};
    const blocked = new Promise<void>((resolve) => (unblock = resolve));
    await steppers.start(stepper({ prefetch: 1, handle: () => blocked }));
    for (const subject of SUBJECTS) for (const n of [1, 2]) await steppers.publish(subject, n);
    const { state, broker } = flawed();
    await steppers.start(stepper({ prefetch: 1 }), { broker, metrics, stallAfter: 200 });
    const opened = state.opened;
    await eventually('it has opened another channel', () => state.opened > opened + 1);
    expect(await stalls()).to.equal(0);
    unblock();
    await handled(4);
  });

  it('is consumed again after its queue was deleted', async () => {
    await steppers.start(stepper());
    await steppers.publish('a', 1);
    await handled(1);
    const management = createManagement({ url: (await testBroker()).managementUrl });
    for (const queue of partitions()) await management.deleteQueue(queue);
    // a message is lost while its queue or binding is missing
    let n = 1;
    const isHandledAgain = async () => {
      await steppers.publish('a', (n += 1));
      return (await steppers.steps()).length > 1;
    };
    await eventually('messages are handled again', isHandledAgain, { every: 200 });
  });

  const partitions = () => partitionQueues('stepper', 4, steppers.names);
});
