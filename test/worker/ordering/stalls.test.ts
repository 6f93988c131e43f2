import { expect } from 'chai';
import type { Broker, Consumer } from '../../../src/broker/broker.js';
import { createManagement } from '../../../src/broker/rabbitmq/management/management.js';
import { partitionQueues } from '../../../src/broker/topology/partition-sets.js';
import { createMetrics } from '../../../src/telemetry/metrics.js';
import { eventually } from '../../support/eventually.js';
import { testBroker } from '../../support/rabbitmq.js';
import { PARTITION_PREFETCH } from '../../../src/worker/ordering/partition-limits.js';
import { openSteppers, stepper, type Steppers } from './support/ordered.js';

/** Consumes nothing, as far as the broker knows. */
const unregistered: Consumer = {
  consuming: true,
  cancel: async () => undefined,
  resume: async () => undefined,
  close: async () => undefined,
};

/** More events than the consumer of a partition receives, so that some remain in the queue. */
const MORE = PARTITION_PREFETCH + 2;

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

  /** Publishes events of one subject, with consecutive numbers. */
  const publishAll = async (from: number, to: number) => {
    const numbers = Array.from({ length: to - from + 1 }, (_, index) => from + index);
    await Promise.all(numbers.map((n) => steppers.publish('a', n)));
  };

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
    const worker = await steppers.start(stepper(), { broker, metrics, stallAfter: 200 });
    await steppers.publish('a', 1);
    await handled(1);
    state.loses = 'messages';
    await publishAll(2, MORE);
    await eventually('it is reported', () => worker.state().partitions.some(({ isStalled }) => isStalled));
    expect(await stalls()).to.equal(1);
    delete state.loses;
    await handled(MORE);
    expect(await steppers.steps()).to.deep.equal(Array.from({ length: MORE }, (_, index) => `a ${index + 1}`));
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
    await steppers.start(stepper({ handle: () => blocked }));
    await publishAll(1, MORE);
    const { state, broker } = flawed();
    await steppers.start(stepper(), { broker, metrics, stallAfter: 200 });
    await eventually('it has replaced the channel of a partition', () => state.opened > partitions().length);
    expect(await stalls()).to.equal(0);
    unblock();
    await handled(MORE);
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
