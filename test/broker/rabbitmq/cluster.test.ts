import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'amqplib';
import { expect } from 'chai';
import type { Broker } from '../../../src/broker/broker.js';
import { createRabbitBroker } from '../../../src/broker/rabbitmq/broker.js';
import { createManagement } from '../../../src/broker/rabbitmq/management/management.js';
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

  /** Expects unrouted messages to be stored although the queue of an earlier release is on a node that is down. Returns
   *  the number of stored messages. */
  async function storesUnrouted(prefix: string, broker: Broker, plain: Broker): Promise<number> {
    const names = namesFor(prefix);
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
    return 10;
  }

  // in one test, because a node takes 8 s of processor time to start again
  it('stores unrouted messages, reports queues that do not respond, and declares the others, while a node is down or frozen, and those that respond again', async () => {
    const old = namesFor('t-old-');
    await asEarlierRelease(urlsOf(1).url, 't-old-', { count: 200 });
    const prefix = 't-silent-';
    const names = namesFor(prefix);
    const stuck = { name: `${prefix}stuck`, arguments: { 'x-queue-type': 'classic' } };
    const connection = await connect(urlsOf(1).url);
    await (await connection.createChannel()).assertQueue(stuck.name, { durable: true, arguments: stuck.arguments });
    await connection.close();
    const wanted = (...workers: string[]): Topology => {
      const topology = topologyOf(workersOf(...workers), { prefix, ...options });
      const binding = { source: names.events, kind: 'queue' as const, destination: stuck.name, routingKey: 'stuck.*' };
      return { ...topology, queues: [stuck, ...topology.queues], bindings: [binding, ...topology.bindings] };
    };
    // the management API reports the state of a queue with a delay
    const untilUnanswered = (each: Broker, topology: Topology) =>
      eventually('a queue is unanswered', async () =>
        (await each.planTopology(topology)).some(({ problem }) => problem === 'unanswered'),
      );
    const bound = async () => {
      const bindings = await createManagement({ url: urlsOf(0).managementUrl }).bindings();
      return bindings.some(({ destination }) => destination === stuck.name);
    };
    await connected(0).applyTopology(topologyOf(workersOf('payment'), { prefix, ...options }));
    const silent = `unanswered ${stuck.name}`;

    await cluster.kill(1);
    const broker = connected(0);
    const plain = connected(2, { management: false });
    const stored = await storesUnrouted('t-old-', broker, plain);
    for (const [worker, each] of [
      ['shipping', connected(2)],
      ['email', plain],
    ] as const) {
      const more = wanted('payment', worker);
      await untilUnanswered(each, more);
      const left = await each.applyTopology(more);
      expect(left.map(({ problem, name }) => `${problem} ${name}`)).to.include(silent);
      expect(await each.queueDepth(names.queue(worker))).to.deep.equal({ ready: 0, consumers: 0 });
    }

    expect(await bound()).to.equal(false);

    await cluster.start(1);
    await eventually('the queue that did not answer is bound', bound);
    await eventually(async () => (await broker.queueDepth(old.unrouted)) === undefined);
    expect((await broker.queueDepth(old.unroutedQueue))?.ready).to.equal(200 + stored);
    expect((await command(0, 't-old-', 'unrouted', 'list')).code).to.equal(0);

    cluster.freeze(1);
    try {
      const other = connected(0);
      await untilUnanswered(other, wanted('payment'));
      const left = await other.applyTopology(wanted('payment'));
      expect(left.map(({ problem, name }) => `${problem} ${name}`)).to.deep.equal([silent]);
      expect(await codeOf(other.queueDepth(stuck.name))).to.equal('broker.no_answer');
      // if the frozen node led the queue, another one takes over
      const payment = () => other.queueDepth(names.queue('payment'));
      await eventually(async () => (await codeOf(payment())) !== 'broker.no_answer');
      expect(await payment()).to.deep.equal({ ready: 0, consumers: 0 });
    } finally {
      await cluster.kill(1);
      await cluster.start(1);
    }
  });
});
