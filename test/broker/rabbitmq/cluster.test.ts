import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'amqplib';
import { expect } from 'chai';
import type { Broker } from '../../../src/broker/broker.js';
import { createRabbitBroker } from '../../../src/broker/rabbitmq/broker.js';
import { namesFor, topologyOf, type Topology } from '../../../src/broker/topology/topology.js';
import { baseCatalogue, catalogue } from '../../../src/fleet/catalogue.js';
import * as topologyCommand from '../../../src/cli/commands/topology/index.js';
import * as unroutedCommand from '../../../src/cli/commands/unrouted.js';
import { defineFleet } from '../../../src/fleet/define-fleet.js';
import { silentLogger } from '../../../src/telemetry/logger.js';
import { codeOf } from '../../contract/broker.js';
import { testCluster, type TestCluster } from '../../support/cluster.js';
import { runCommand } from '../../support/command.js';
import { patience } from '../../support/patience.js';
import { eventually } from '../../support/eventually.js';
import { asEarlierRelease, options } from './support/earlier-release.js';

describe('a cluster of three nodes', function () {
  this.timeout(300_000 * patience());
  let cluster: TestCluster;
  let folder: string;
  const open: Broker[] = [];

  before(async () => {
    cluster = await testCluster();
    folder = await mkdtemp(join(tmpdir(), 'flotilla-cluster-test-'));
  });
  after(() => rm(folder, { recursive: true, force: true }));
  afterEach(() => Promise.all(open.splice(0).map((broker) => broker.close())));

  const urlsOf = (index: number) => {
    const { amqpUrl = '', managementUrl = '' } = cluster.nodes[index] ?? {};
    return { url: amqpUrl, managementUrl };
  };
  const connected = (index: number, { management = true } = {}): Broker => {
    const { url, managementUrl } = urlsOf(index);
    const broker = createRabbitBroker({
      url,
      ...(management && { managementUrl }),
      connectionName: 'test',
      logger: silentLogger(),
    });
    open.push(broker);
    return broker;
  };
  const workersOf = (...names: string[]) =>
    names.map((name) => ({ name, patterns: [`${name}.#`], retryDelays: [60_000] }));
  const command = (index: number, prefix: string, ...args: string[]) =>
    runCommand(
      {
        modules: [topologyCommand, unroutedCommand],
        fleet: defineFleet({ catalogue: catalogue(baseCatalogue, {}), workers: [] }),
        env: {
          DATA_DIR: folder,
          AMQP_URL: urlsOf(index).url,
          AMQP_MANAGEMENT_URL: urlsOf(index).managementUrl,
          FLOTILLA_PREFIX: prefix,
          UNROUTED_MAX: String(options.unroutedMax),
        },
        cwd: folder,
      },
      args,
    );

  it('spreads the leaders of new queues over the nodes', async () => {
    const wanted = topologyOf(workersOf('a', 'b', 'c', 'd', 'e'), { prefix: 't-lead-', ...options });
    await connected(0).applyTopology(wanted);
    const leaders = await Promise.all(wanted.queues.map(({ name }) => cluster.leaderOf(name)));
    for (const index of [0, 1, 2]) {
      expect(leaders.filter((leader) => leader === index).length, `node ${index}`).to.be.greaterThan(2);
    }
  });

  it('stores unrouted messages while the node with the queue of an earlier release is down', async () => {
    const prefix = 't-old-';
    const names = namesFor(prefix);
    await asEarlierRelease(urlsOf(1).url, prefix, { count: 200 });
    await cluster.kill(1);

    const broker = connected(0);
    const plain = connected(2, { management: false });
    const wanted = topologyOf(workersOf('payment'), { prefix, ...options });
    for (const each of [broker, plain]) {
      const left = await each.applyTopology(wanted);
      expect(left.map(({ problem, name }) => `${problem} ${name}`)).to.include(`retired ${names.unrouted}`);
    }
    const publisher = broker.createPublisher();
    await publisher.ready();
    const message = (type: string) => ({
      exchange: names.events,
      routingKey: type,
      body: Buffer.from('{}'),
      properties: { messageId: type, type },
      mandatory: true,
    });
    for (let i = 0; i < 10; i += 1) await publisher.publish(message(`nobody.n${i}`));
    expect((await broker.queueDepth(names.unroutedQueue))?.ready).to.equal(10);
    expect(await codeOf(broker.queueDepth(names.unrouted))).to.equal('broker.no_answer');

    const listed = await command(0, prefix, 'unrouted', 'list');
    expect(listed.code).to.equal(1);
    expect(listed.out).to.contain('nobody.n0').and.contain('nobody.n9');
    expect(listed.said).to.contain(`queue ${names.unrouted}`);

    await cluster.start(1);
    await eventually(async () => (await broker.queueDepth(names.unrouted)) === undefined);
    expect((await broker.queueDepth(names.unroutedQueue))?.ready).to.equal(210);
    expect((await command(0, prefix, 'unrouted', 'list')).code).to.equal(0);
  });

  it('reports a queue that does not respond because its node is down or frozen, and declares the others', async () => {
    const prefix = 't-silent-';
    const names = namesFor(prefix);
    const connection = await connect(urlsOf(1).url);
    const channel = await connection.createChannel();
    const argumentsOfStuck = { 'x-queue-type': 'classic' };
    await channel.assertQueue(`${prefix}stuck`, { durable: true, arguments: argumentsOfStuck });
    await connection.close();
    const before = topologyOf(workersOf('payment'), { prefix, ...options });
    await connected(0).applyTopology(before);
    const wanted = (topology: Topology): Topology => ({
      ...topology,
      queues: [{ name: `${prefix}stuck`, arguments: argumentsOfStuck }, ...topology.queues],
    });
    const stuck = `unanswered ${prefix}stuck`;

    await cluster.kill(1);
    for (const [worker, management] of [
      ['shipping', true],
      ['email', false],
    ] as const) {
      const broker = connected(2, { management });
      const more = wanted(topologyOf(workersOf('payment', worker), { prefix, ...options }));
      // the management API reports the state of a queue with a delay
      await eventually(async () => (await broker.planTopology(more)).some(({ problem }) => problem === 'unanswered'));
      const left = await broker.applyTopology(more);
      expect(left.map(({ problem, name }) => `${problem} ${name}`)).to.include(stuck);
      expect(await broker.queueDepth(names.queue(worker))).to.deep.equal({ ready: 0, consumers: 0 });
    }
    await cluster.start(1);

    cluster.freeze(1);
    try {
      const broker = connected(0);
      const left = await broker.applyTopology(wanted(before));
      expect(left.map(({ problem, name }) => `${problem} ${name}`)).to.deep.equal([stuck]);
      expect(await codeOf(broker.queueDepth(`${prefix}stuck`))).to.equal('broker.no_answer');
      expect(await broker.queueDepth(names.queue('payment'))).to.deep.equal({ ready: 0, consumers: 0 });
    } finally {
      cluster.thaw(1);
    }
  });
});
