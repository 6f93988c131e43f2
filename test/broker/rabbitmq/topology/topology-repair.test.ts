import { expect } from 'chai';
import type { Broker, Delivery } from '../../../../src/broker/broker.js';
import { openConnection } from '../../../../src/broker/rabbitmq/connection/connection.js';
import { createRabbitBroker } from '../../../../src/broker/rabbitmq/broker.js';
import { createManagement } from '../../../../src/broker/rabbitmq/management/management.js';
import { createTopologyAdmin, type TopologyAdmin } from '../../../../src/broker/rabbitmq/topology/topology-admin.js';
import { createTopologyRepair } from '../../../../src/broker/rabbitmq/topology/topology-repair.js';
import type { Names, Topology } from '../../../../src/broker/topology/topology.js';
import { namesFor, topologyOf } from '../../../../src/broker/topology/topology.js';
import { FlotillaError } from '../../../../src/errors.js';
import { followVerified } from '../../../../src/event-log/reading/follow-verified.js';
import { createLogger, type Logger } from '../../../../src/telemetry/logger.js';
import { createMetrics } from '../../../../src/telemetry/metrics.js';
import { codeOf } from '../../../contract/broker.js';
import { inbox } from '../../../support/inbox.js';
import type { TestBroker } from '../../../support/rabbitmq.js';
import { cleanUp, testBroker } from '../../../support/rabbitmq.js';
import { eventually } from '../../../support/eventually.js';
import { options } from '../support/earlier-release.js';

interface Line {
  level: string;
  message: string;
  [field: string]: unknown;
}

describe('topology that is deleted at run time', function () {
  this.timeout(120_000);
  let real: TestBroker;
  let names: Names;
  let broker: Broker;
  let metrics: ReturnType<typeof createMetrics>;
  const lines: Line[] = [];

  function recordingLogger(): Logger {
    const logger = createLogger({ level: 'debug' });
    logger.transports.forEach((transport) => (transport.silent = true));
    logger.on('data', (line: Line) => lines.push(line));
    return logger;
  }

  beforeEach(async () => {
    real = await testBroker();
    names = namesFor(real.prefix);
    metrics = createMetrics();
    lines.length = 0;
    broker = createRabbitBroker({
      url: real.amqpUrl,
      managementUrl: real.managementUrl,
      connectionName: 'test',
      logger: recordingLogger(),
      metrics,
    });
  });
  afterEach(async () => {
    await broker.close();
    await cleanUp(real.prefix);
  });

  const wanted = () =>
    topologyOf([{ name: 'payment', patterns: ['payment.*'], retryDelays: [60_000] }], {
      prefix: real.prefix,
      ...options,
    });
  const message = (exchange: string, routingKey: string) => ({
    exchange,
    routingKey,
    body: Buffer.from('{}'),
    properties: { messageId: routingKey, type: routingKey },
    mandatory: true,
  });
  const recreated = async () =>
    Object.fromEntries((await metrics.topologyRecreated.get()).values.map(({ labels, value }) => [labels.kind, value]));

  /** Resolves when the broker has the whole topology. The error names what is missing. */
  const complete = (topology: Topology) =>
    eventually('the topology is complete', async () => {
      const missing = await broker.planTopology(topology);
      if (missing.length > 0) throw new Error(JSON.stringify(missing));
      return true;
    });

  it('is declared again as a whole by a consuming process, logged once and counted', async () => {
    const topology = wanted();
    await broker.applyTopology(topology);
    const received = inbox<Delivery>();
    broker.consume(names.queue('payment'), { prefetch: 10, onDelivery: received.put });
    await eventually(async () => (await broker.queueDepth(names.queue('payment')))?.consumers === 1);
    const management = createManagement({ url: real.managementUrl });
    for (const { name } of topology.exchanges) await management.deleteExchange(name);
    // the consumed queue last: its deletion triggers the repair
    const queues = topology.queues.map(({ name }) => name).filter((name) => name !== names.queue('payment'));
    for (const name of [...queues, names.queue('payment')]) await management.deleteQueue(name);
    await complete(topology);

    const publisher = broker.createPublisher();
    await publisher.ready();
    await publisher.publish(message(names.events, 'payment.process'));
    (await received.next()).ack();
    await eventually('the repair is counted', async () => (await recreated()).queue === topology.queues.length);
    const [said, ...more] = lines.filter(({ message }) => message.includes('has been recreated'));
    expect(said).to.include({ level: 'warn' });
    expect(said?.recreated)
      .to.include(`queue ${names.queue('payment')}`)
      .and.include(`exchange ${names.work}`);
    expect(more).to.deep.equal([]);
    expect(await recreated()).to.deep.equal({
      exchange: topology.exchanges.length,
      queue: topology.queues.length,
      binding: 0,
    });
  });

  it('is declared again by a publishing process', async () => {
    const topology = wanted();
    await broker.applyTopology(topology);
    const publisher = broker.createPublisher();
    const taken = (exchange: string, routingKey: string) => async () => {
      await publisher.ready();
      return (await codeOf(publisher.publish(message(exchange, routingKey)))) === undefined;
    };
    await createManagement({ url: real.managementUrl }).deleteExchange(names.events);
    await eventually(taken(names.events, 'payment.process'));
    await createManagement({ url: real.managementUrl }).deleteQueue(names.retry('payment', 60_000));
    await eventually(async () => (await broker.queueDepth(names.retry('payment', 60_000))) === undefined);
    await eventually(taken('', names.retry('payment', 60_000)));
    await complete(topology);
    await eventually('the queue is counted', async () => (await recreated()).queue === 1);
    expect(await recreated()).to.deep.equal({ exchange: 1, queue: 1, binding: 0 });
  });

  it('is completed after a restoration that failed between the queues and the bindings', async () => {
    const topology = wanted();
    const logger = recordingLogger();
    const connection = openConnection({ urls: [real.amqpUrl], name: 'test repair', logger, heartbeat: 10 });
    const admin = createTopologyAdmin(connection, createManagement({ url: real.managementUrl }), logger);
    let restorations = 0;
    const failingOnce: TopologyAdmin = {
      ...admin,
      async restore(all, missing, bindings) {
        restorations += 1;
        if (restorations > 1) return admin.restore(all, missing, bindings);
        await admin.restore({ ...all, bindings: [] }, missing, bindings);
        throw new FlotillaError('broker.timeout', 'declaring a binding');
      },
    };
    const repair = createTopologyRepair({ admin: failingOnce, connection, logger, metrics });
    try {
      await repair.apply(topology);
      const management = createManagement({ url: real.managementUrl });
      for (const { name } of topology.exchanges) await management.deleteExchange(name);
      for (const { name } of topology.queues) await management.deleteQueue(name);
      repair.missing({ kind: 'queue', queue: names.queue('payment') });
      await complete(topology);
      await eventually(() => lines.some(({ message }) => message.includes('has been recreated')));
      expect(restorations).to.equal(2);
      expect(await recreated()).to.deep.equal({
        exchange: topology.exchanges.length,
        queue: topology.queues.length,
        binding: 0,
      });
    } finally {
      repair.close();
      await connection.close();
    }
  });

  it('is reported as complete after a check that failed', async () => {
    const logger = recordingLogger();
    const connection = openConnection({ urls: [real.amqpUrl], name: 'test repair', logger, heartbeat: 10 });
    const admin = createTopologyAdmin(connection, createManagement({ url: real.managementUrl }), logger);
    let checks = 0;
    const failingOnce: TopologyAdmin = {
      ...admin,
      missing: (all) => (checks++ === 0 ? Promise.reject(new FlotillaError('broker.timeout')) : admin.missing(all)),
    };
    const repair = createTopologyRepair({ admin: failingOnce, connection, logger, metrics });
    try {
      await repair.apply(wanted());
      repair.missing({ kind: 'queue', queue: names.queue('payment') });
      await eventually(() => lines.some(({ message }) => message === 'the topology is complete again'));
      const reported = lines.filter(({ message }) => /topology is (missing|complete)/.test(message));
      expect(reported.map(({ level }) => level)).to.deep.equal(['error', 'error']);
    } finally {
      repair.close();
      await connection.close();
    }
  });

  it('is not declared where this process has not applied it', async () => {
    await broker.applyTopology(wanted());
    const foreign = `${real.prefix}foreign`;
    const management = createManagement({ url: real.managementUrl });
    const consumer = broker.consume(foreign, { prefetch: 1, onDelivery: () => undefined });
    await eventually(() => lines.some(({ message }) => message === 'the broker closed a channel'));
    const publisher = broker.createPublisher();
    await publisher.ready();
    expect(await codeOf(publisher.publish(message('', foreign)))).to.equal('broker.returned');
    await consumer.close();
    expect((await management.queues(foreign)).map(({ name }) => name)).to.deep.equal([]);
    expect(await recreated()).to.deep.equal({ exchange: 0, queue: 0, binding: 0 });
  });

  it('makes readers of a missing stream retry with growing delays, and read when it exists', async () => {
    await broker.ready();
    let readers = 0;
    const counting: Pick<Broker, 'readStream' | 'onState' | 'state'> = {
      readStream: (stream, readOptions) => {
        readers += 1;
        return broker.readStream(stream, readOptions);
      },
      onState: (listener) => broker.onState(listener),
      state: broker.state,
    };
    const stop = new AbortController();
    const entries: string[] = [];
    const reading = (async () => {
      const parts = followVerified(counting, names.log, { from: undefined, signal: stop.signal });
      for await (const part of parts) {
        if (part.kind === 'entries') entries.push(...part.entries.map(({ routingKey }) => routingKey));
      }
    })();
    const failures = () => lines.filter(({ message }) => message === 'the broker closed a channel');
    const began = performance.now();
    await eventually(() => failures().length >= 6);
    // 50 ms, doubled each time, with a jitter of up to half
    expect(performance.now() - began).to.be.greaterThan(25 + 50 + 100 + 200 + 400);
    expect(readers).to.equal(1);
    expect(failures().map(({ level }) => level)).to.deep.equal([
      'warn',
      ...failures()
        .slice(1)
        .map(() => 'debug'),
    ]);

    await broker.applyTopology(wanted());
    const publisher = broker.createPublisher();
    await publisher.ready();
    await publisher.publish(message(names.events, 'payment.process'));
    await eventually(() => entries.length === 1);
    stop.abort();
    await reading;
  });
});
