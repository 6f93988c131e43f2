import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { topologyOf } from '../../../../src/broker/topology/topology.js';
import { createRabbitBroker } from '../../../../src/broker/rabbitmq/broker.js';
import { baseCatalogue, catalogue } from '../../../../src/fleet/catalogue.js';
import { buildProgram } from '../../../../src/cli/program.js';
import * as status from '../../../../src/cli/commands/status/index.js';
import { defineFleet } from '../../../../src/fleet/define-fleet.js';
import type { FleetStatus, WorkerStatus } from '../../../../src/observability/fleet-status.js';
import { openSqliteStore } from '../../../../src/store/sqlite/index.js';
import { silentLogger } from '../../../../src/telemetry/logger.js';
import { queuesOfAll } from '../../../../src/worker/definition/queues.js';
import { definitions } from '../../../dead-letters/support/dead-letter-fixture.js';
import { contextFor } from '../../../support/command.js';
import { eventually } from '../../../support/eventually.js';
import { cleanUp, testBroker } from '../../../support/rabbitmq.js';
import { tcpProxy } from '../../../support/tcp-proxy.js';
import { workerDefinitionOf } from '../../../../src/worker/definition/worker-definition.js';

const types = catalogue(baseCatalogue, { 'payment.process': definitions['payment.process'] });
const fleet = defineFleet({
  catalogue: types,
  workers: [types.defineWorker({ name: 'payment', on: { 'payment.process': () => undefined } })],
});

type Round = FleetStatus & { items: WorkerStatus[]; time: string };

describe('status --watch', function () {
  this.timeout(180_000);

  it('prints repeatedly, survives an outage of the broker and its management API, and ends on a signal', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'flotilla-watch-'));
    const { amqpUrl, managementUrl, prefix } = await testBroker();
    const proxies = [await tcpProxy(amqpUrl), await tcpProxy(managementUrl)] as const;
    const [amqp, management] = proxies;
    const stop = new AbortController();
    const rounds: Round[] = [];
    const env = {
      AMQP_URL: amqp.through(amqpUrl),
      AMQP_MANAGEMENT_URL: management.through(managementUrl),
      FLOTILLA_PREFIX: prefix,
      DATA_DIR: folder,
    };
    const context = contextFor(
      { fleet, env, cwd: folder, stop: stop.signal },
      { print: (line) => void rounds.push(JSON.parse(line) as Round), say: () => undefined },
    );
    try {
      await (await openSqliteStore({ service: 'ops', path: join(folder, 'ops.db') })).close();
      const broker = createRabbitBroker({ url: amqpUrl, connectionName: 'test', logger: silentLogger() });
      const options = { prefix, log: { maxAge: '1h', maxBytes: 1_000_000 }, unroutedMax: 10 };
      await broker.applyTopology(topologyOf(queuesOfAll(fleet.workers.map(workerDefinitionOf)), options));
      await broker.close();
      const watching = buildProgram([status], context, '0').parseAsync(['status', '--watch', '100ms', '--json'], {
        from: 'user',
      });
      const shows = (what: string, ready: number | null) => {
        const from = rounds.length;
        return eventually(what, () => rounds.slice(from).some(({ items }) => items[0]?.ready === ready));
      };
      await shows('the queue', 0);
      for (const proxy of proxies) proxy.shut();
      await shows('that the queue is not known', null);
      expect(rounds.at(-1)?.problems.join('\n')).to.contain('management API');
      for (const proxy of proxies) proxy.open();
      await shows('the queue again', 0);
      stop.abort(new Error('received SIGINT'));
      await watching;
      expect(new Set(rounds.map(({ time }) => time)).size).to.equal(rounds.length);
    } finally {
      stop.abort();
      for (const proxy of proxies) await proxy.close();
      await cleanUp(prefix);
      await rm(folder, { recursive: true, force: true });
    }
  });
});
