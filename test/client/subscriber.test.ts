import { expect } from 'chai';
import { createMemoryBroker } from 'flotilla/testing';
import { createPublisher, subscribe } from 'flotilla';
import type { Broker } from '../../src/broker/broker.js';
import { createRabbitBroker } from '../../src/broker/rabbitmq/broker.js';
import { eventProperties } from '../../src/broker/messages/event-properties.js';
import { namesFor } from '../../src/broker/topology/topology.js';
import { createEvent, originContext } from '../../src/events/create.js';
import type { EventEnvelope } from '../../src/events/envelope.js';
import { silentLogger } from '../../src/telemetry/logger.js';
import { eventually } from '../support/eventually.js';
import { shop } from '../support/shop.js';
import { cleanUp, testBroker } from '../support/rabbitmq.js';
import { catalogues } from '../worker/quarantine/support/releases.js';

const context = originContext({ source: 'test', subject: 'c' });

const brokers: Record<string, () => Promise<{ broker: Broker; prefix: string; end: () => Promise<void> }>> = {
  memory: async () => {
    const broker = createMemoryBroker();
    return { broker, prefix: '', end: () => broker.close() };
  },
  RabbitMQ: async () => {
    const { amqpUrl, managementUrl, prefix } = await testBroker();
    const broker = createRabbitBroker({ url: amqpUrl, managementUrl, connectionName: prefix, logger: silentLogger() });
    await broker.ready();
    const end = async () => {
      await broker.close();
      await cleanUp(prefix);
    };
    return { broker, prefix, end };
  },
};

for (const [name, open] of Object.entries(brokers)) {
  describe(`plain publish and subscribe on ${name}`, function () {
    this.timeout(60_000);

    it('delivers each event to every subscriber name, retries, and dead-letters', async () => {
      const { broker, prefix, end } = await open();
      const seen: string[] = [];
      let wake = () => {};
      const until = (count: number) =>
        new Promise<void>((resolve) => {
          wake = () => seen.length >= count && resolve();
          wake();
        });
      const note = (text: string) => {
        seen.push(text);
        wake();
      };
      const options = { broker, catalogue: shop, prefix, delays: ['10ms'] };
      const audit = await subscribe('job.*', (event) => note(`audit ${event.type}`), { ...options, name: 'audit' });
      const picky = await subscribe(
        'job.finished',
        ({ data }, { attempt }) => {
          note(`picky ${data.n} attempt ${attempt}`);
          throw new Error('never');
        },
        { ...options, name: 'picky' },
      );
      const publisher = createPublisher({ broker, catalogue: shop, source: 'test', prefix });
      await publisher.publish('job.begun', { n: 1 }, { subject: 'job/1' });
      await publisher.publish('job.finished', { n: 1 }, { subject: 'job/1' });
      await until(4);
      await picky.unsubscribe();
      await audit.unsubscribe();
      expect(seen.sort()).to.deep.equal([
        'audit job.begun',
        'audit job.finished',
        'picky 1 attempt 1',
        'picky 1 attempt 2',
      ]);
      expect((await broker.queueDepth(namesFor(prefix).dead('picky')))?.ready).to.equal(1);
      await publisher.publish('job.finished', { n: 2 }, { subject: 'job/2' });
      expect((await broker.queueDepth(namesFor(prefix).queue('audit')))?.ready).to.equal(1);
      expect(seen).to.have.length(4);
      await publisher.close();
      await end();
    });

    it('releases quarantined events to a subscriber that can read them, at its start and beside an earlier one', async () => {
      const { broker, prefix, end } = await open();
      const seen: string[] = [];
      const names = namesFor(prefix);
      const options = { broker, prefix, name: 'screen' };
      const note = ({ subject, data }: EventEnvelope) => void seen.push(`${subject} ${(data as { n: number }).n}`);
      const depth = async () => (await broker.queueDepth(names.newer('screen')))?.ready;
      const publisher = createPublisher({ broker, catalogue: catalogues.newer, source: 'test', prefix });
      const publish = (subject: string, n: number) => publisher.publish('step.taken', { n, unit: 'm' }, { subject });

      const older = await subscribe('step.*', note, { ...options, catalogue: catalogues.older });
      await publish('a', 1);
      await publish('a', 2);
      await publisher.publish('step.added', { n: 1 }, { subject: 'b' });
      await eventually('three are quarantined', async () => (await depth()) === 3);
      await older.unsubscribe();

      expect(seen).to.deep.equal([]);
      const newer = await subscribe('step.*', note, { ...options, catalogue: catalogues.newer });
      await eventually('all are handled', () => seen.length === 3);
      expect(seen.filter((place) => place.startsWith('a'))).to.deep.equal(['a 1', 'a 2']);

      const event = createEvent(catalogues.newer.definitions, 'step.added', { n: 1 }, context);
      const beside = broker.createPublisher();
      await beside.ready();
      await beside.publish({
        exchange: names.failed('screen'),
        routingKey: 'newer',
        body: Buffer.from(JSON.stringify(event)),
        properties: eventProperties({ ...event, correlationId: event.correlationid, time: Date.parse(event.time) }),
      });
      await eventually('the one of an earlier subscriber is handled', () => seen.includes('c 1'));
      await newer.unsubscribe();
      expect(await depth()).to.equal(0);
      await Promise.all([beside.close(), publisher.close()]);
      await end();
    });
  });
}
