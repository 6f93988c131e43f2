import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { createManagement } from '../../../src/broker/rabbitmq/management/management.js';
import { createRabbitBroker } from '../../../src/broker/rabbitmq/broker.js';
import { namesFor } from '../../../src/broker/topology/topology.js';
import * as doctor from '../../../src/cli/commands/doctor/index.js';
import * as status from '../../../src/cli/commands/status/index.js';
import type { Status } from '../../../src/cli/commands/status/source.js';
import { defineFleet } from '../../../src/fleet/define-fleet.js';
import type { FleetStatus, WorkerStatus } from '../../../src/observability/fleet-status.js';
import { createClusterWatch } from '../../../src/observability/broker/cluster-watch.js';
import type { RabbitNode } from '../../../src/supervisor/broker/rabbitmq-node.js';
import { openSqliteStore } from '../../../src/store/sqlite/index.js';
import { silentLogger } from '../../../src/telemetry/logger.js';
import { payments } from '../../dead-letters/support/dead-letter-fixture.js';
import { testCluster, type TestCluster } from '../../support/cluster.js';
import { runCommand } from '../../support/command.js';
import { eventually } from '../../support/eventually.js';

const fleet = defineFleet({
  catalogue: payments,
  workers: [
    payments.defineWorker({ name: 'payment', on: { 'payment.process': () => undefined }, retry: { delays: ['1h'] } }),
  ],
});
const prefix = 't-status-';
const names = namesFor(prefix);
/** Far less than RabbitMQ needs to refuse a passive declaration of a queue whose node is down. */
const SOON = 30_000;

describe('status and doctor in a cluster', function () {
  this.timeout(300_000);
  let cluster: TestCluster;
  let folder: string;
  let first: RabbitNode;

  before(async () => {
    cluster = await testCluster();
    first = cluster.nodes[0] ?? expect.fail('no node');
    folder = await mkdtemp(join(tmpdir(), 'flotilla-cluster-status-'));
    await (await openSqliteStore({ service: 'ops', path: join(folder, 'ops.db') })).close();
    await declareOn(0, 'quorum', [
      names.dead('payment'),
      names.retry('payment', 3_600_000),
      ...['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((name) => `${prefix}other-${name}`),
    ]);
    await declareOn(1, 'classic', [names.queue('payment')]);
  });
  after(async () => {
    await cluster.start(1);
    for (const { name } of await createManagement({ url: first.managementUrl }).queues(prefix)) {
      await createManagement({ url: first.managementUrl }).deleteQueue(name);
    }
    await rm(folder, { recursive: true, force: true });
  });

  async function declareOn(index: number, type: string, queues: string[]): Promise<void> {
    const url = cluster.nodes[index]?.amqpUrl ?? '';
    const broker = createRabbitBroker({ url, connectionName: 'test', logger: silentLogger() });
    const args = { 'x-queue-type': type, 'x-queue-leader-locator': 'client-local' };
    await broker.applyTopology({
      exchanges: [],
      queues: queues.map((name) => ({ name, arguments: type === 'classic' ? { 'x-queue-type': type } : args })),
      bindings: [],
    });
    await broker.close();
  }

  const run = (args: string[], managementUrl = first.managementUrl) =>
    runCommand(
      {
        modules: [status, doctor],
        fleet,
        env: {
          AMQP_URL: first.amqpUrl,
          AMQP_MANAGEMENT_URL: managementUrl,
          DATA_DIR: folder,
          FLOTILLA_PREFIX: prefix,
          PORT: '0',
        },
        cwd: folder,
      },
      args,
    );
  const kinds = ({ broker }: Pick<FleetStatus, 'broker'>) => broker?.findings.map(({ kind }) => kind) ?? [];
  const statusOf = async (managementUrl?: string) => {
    const began = performance.now();
    const { code, out, said } = await run(['status', '--json'], managementUrl);
    const found = JSON.parse(out) as Status & { items: WorkerStatus[] };
    // the queues of this test have no bindings
    const hasAlarm = kinds(found).includes('alarm') || (found.missingBindings ?? []).length > 0;
    expect(code, said).to.equal(hasAlarm ? 1 : 0);
    return { ...found, took: performance.now() - began };
  };

  it('report leaders on one of several nodes', async () => {
    await eventually(async () => {
      const { broker } = await statusOf();
      expect(broker?.nodes.map(({ running }) => running)).to.deep.equal([true, true, true]);
      expect(kinds({ broker })).to.deep.equal(['leaders']);
      return true;
    });
    const { code, out } = await run(['doctor']);
    expect(out).to.match(/^WARN cluster +9 of 9 queue leaders are on .*rebalance all$/m);
    expect(code, out).to.equal(0);
  });

  it('name a node that is down and unavailable queues, and tolerate queues that do not respond', async () => {
    await cluster.kill(1);
    await eventually(async () => {
      const { broker, items, problems } = await statusOf();
      expect(kinds({ broker })).to.include.members(['node', 'queue']);
      expect(items[0]).to.deep.include({ worker: 'payment', exists: true, ready: null });
      expect(problems.join()).to.contain(`queue ${names.queue('payment')}`);
      return true;
    });
    // without the management API, unavailable queues are not known
    const { items, problems, took } = await statusOf('http://127.0.0.1:1');
    expect(took).to.be.lessThan(SOON);
    expect(items[0]).to.deep.include({ ready: null, consumers: null, rates: null, inFlight: null });
    expect(problems.join('\n'))
      .to.contain('management API: ')
      .and.match(new RegExp(`queue ${names.queue('payment')}: .`));
    const { out } = await run(['status'], 'http://127.0.0.1:1');
    expect(out)
      .to.match(/payment +\? +\? /)
      .and.contain(`Unknown: queue ${names.queue('payment')}`);
    const checked = await run(['doctor']);
    expect(checked.out).to.match(/^WARN cluster +node .* is down$/m);
    expect(checked.out).to.match(/^FAIL cluster +without a leader or a majority.*: .*payment/m);
    expect(checked.code).to.equal(1);
  });

  it('report an alarm, which /readyz of a process names, too', async () => {
    await cluster.ctl(0, 'set_vm_memory_high_watermark', 'absolute', '1MB');
    const stop = new AbortController();
    const management = createManagement({ url: first.managementUrl });
    const watch = createClusterWatch(management, prefix, silentLogger());
    try {
      await eventually(async () => expect(kinds(await statusOf())).to.include('alarm'));
      const running = watch.run(stop.signal);
      await eventually(async () =>
        expect(watch.check().detail)
          .to.match(/is down/)
          .and.match(/memory alarm on .* blocks all publishers/),
      );
      expect(watch.check().ok).to.equal(true);
      stop.abort();
      await running;
      const { out } = await run(['status']);
      expect(out).to.match(/^ALARM: memory alarm on /m);
      expect((await run(['doctor'])).out).to.match(/^FAIL cluster +memory alarm on /m);
    } finally {
      stop.abort();
      await cluster.ctl(0, 'set_vm_memory_high_watermark', '0.6');
    }
  });

  it('report a network partition, which remains when the nodes are connected again', async () => {
    await cluster.start(1);
    try {
      await cluster.ctl(0, 'eval', `erlang:disconnect_node('${cluster.nodes[1]?.name}').`);
      await eventually(async () =>
        expect((await run(['doctor'])).out).to.match(/^FAIL cluster +a network partition /m),
      );
      expect((await run(['status'])).out).to.match(
        // each node emits its statistics every 5 s, so that one may report the partition before the other
        /^WARNING: a network partition has separated node n\d@localhost from n\d@localhost/m,
      );
    } finally {
      // all three may have separated
      await cluster.kill(0, 2);
      await cluster.start(0, 2);
    }
  });
});
