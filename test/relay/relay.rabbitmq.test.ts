import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import type { Broker } from '../../src/broker/contract.js';
import { createRabbitBroker } from '../../src/broker/rabbitmq/index.js';
import { namesFor, topologyOf } from '../../src/broker/topology.js';
import { createRelay } from '../../src/relay/index.js';
import { silentLogger } from '../../src/telemetry/logger.js';
import { eventOf } from '../contract/store-events.js';
import { createTempStore, type TempStore } from '../store/temp-store.js';
import { cleanUp, testBroker, type TestBroker } from '../support/rabbitmq.js';
import { eventually } from '../support/until.js';

const child = fileURLToPath(new URL('fixtures/relay-process.ts', import.meta.url));
const log = { maxAge: '1h', maxBytes: 10_000_000 };

describe('relay on RabbitMQ', function () {
  this.timeout(60_000);
  let rabbit: TestBroker;
  let broker: Broker;
  let temp: TempStore;
  beforeEach(async () => {
    rabbit = await testBroker();
    const { amqpUrl: url, managementUrl, prefix } = rabbit;
    broker = createRabbitBroker({ url, managementUrl, connectionName: 'relay-test', logger: silentLogger() });
    await broker.applyTopology(
      topologyOf([{ name: 'all', patterns: ['#'], retryDelays: [] }], { prefix, log, unroutedMax: 10 }),
    );
    temp = await createTempStore();
  });
  afterEach(async () => {
    await broker.close();
    await temp.dispose();
    await cleanUp(rabbit.prefix);
  });

  for (const failpoint of ['relay.published:150', 'relay.confirmed:1']) {
    it(`loses nothing and keeps the order of subjects when its holder is killed at ${failpoint}`, async () => {
      const { amqpUrl, prefix } = rabbit;
      const store = await temp.open();
      for (let n = 0; n < 100; n++) {
        const subject = `s/${n}`;
        await store.append(
          subject,
          'none',
          [1, 2, 3].map(() => eventOf(subject)),
        );
      }
      const process = fork(child, [temp.path, amqpUrl, prefix, failpoint]);
      const [, signal] = (await once(process, 'exit')) as [number | null, string | null];
      expect(signal).to.equal('SIGKILL');
      const before = await store.checkpoint('relay');

      const abort = new AbortController();
      const running = createRelay({ store, broker, names: namesFor(prefix), instance: 'next', leaseTtl: 1_000 }).run(
        abort.signal,
      );
      await eventually(async () => (await store.checkpoint('relay')) === (await store.head()));
      abort.abort();
      await running;

      const arrived = await takeAll(broker, namesFor(prefix).queue('all'));
      const stored = await store.readAll(0);
      expect(before).to.be.lessThan(stored.length);
      expect(arrived.length).to.be.greaterThan(stored.length);
      const firsts = [...new Map(arrived.map((message) => [message.id, message])).values()];
      expect(firsts).to.have.length(stored.length);
      for (let n = 0; n < 100; n++) {
        const of = <T extends { subject: unknown; id: unknown }>(list: T[]) =>
          list.filter(({ subject }) => subject === `s/${n}`).map(({ id }) => id);
        expect(of(firsts)).to.deep.equal(of(stored.map(({ stream: subject, id }) => ({ subject, id }))));
      }
    });
  }
});

/** Everything that is in a queue, in order. */
async function takeAll(broker: Broker, queue: string): Promise<{ id: unknown; subject: unknown }[]> {
  const taken: { id: unknown; subject: unknown }[] = [];
  const consumer = broker.consume(queue, {
    prefetch: 100,
    onDelivery: (delivery) => {
      taken.push({ id: delivery.properties.messageId, subject: delivery.properties.headers['flotilla-subject'] });
      delivery.ack();
    },
  });
  let before = -1;
  await eventually(async () => {
    const settled = consumer.consuming && before === taken.length && (await broker.queueDepth(queue))?.ready === 0;
    before = taken.length;
    return settled && taken.length > 0;
  });
  await consumer.close();
  return taken;
}
