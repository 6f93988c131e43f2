import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { createRabbitBroker } from '../../src/broker/rabbitmq/broker.js';
import { namesFor } from '../../src/broker/topology/topology.js';
import { baseCatalogue, catalogue } from '../../src/fleet/catalogue.js';
import * as config from '../../src/cli/commands/config.js';
import * as dead from '../../src/cli/commands/dead/index.js';
import * as retrying from '../../src/cli/commands/retrying.js';
import * as status from '../../src/cli/commands/status/index.js';
import * as topology from '../../src/cli/commands/topology/index.js';
import * as unrouted from '../../src/cli/commands/unrouted.js';
import { defineFleet } from '../../src/fleet/define-fleet.js';
import { openStore } from '../../src/store/open.js';
import { silentLogger } from '../../src/telemetry/logger.js';
import { publishDeadLetters, definitions, deadLetterMessage } from '../dead-letters/support/dead-letter-fixture.js';
import { runCommand } from '../support/command.js';
import { cleanUp, testBroker } from '../support/rabbitmq.js';

const { 'payment.process': process_, 'payment.processed': processed } = definitions;
const types = catalogue(baseCatalogue, { 'payment.process': process_, 'payment.processed': processed });
const worker = `payment-${'long-'.repeat(20)}name`;
const fleet = defineFleet({
  catalogue: types,
  workers: [
    types.defineWorker({ name: worker, on: { 'payment.process': () => undefined }, retry: { delays: ['1h', '90s'] } }),
  ],
});

describe('every table of the command line', function () {
  this.timeout(90_000);

  it('fits 120 columns with long names of workers, queues, subjects and variables', async () => {
    const { amqpUrl, managementUrl, prefix: short } = await testBroker();
    const prefix = `${short}${'prefix-'.repeat(7)}`;
    const names = namesFor(prefix);
    const folder = await mkdtemp(join(tmpdir(), 'flotilla-tables-'));
    const env = {
      AMQP_URL: amqpUrl,
      AMQP_MANAGEMENT_URL: managementUrl,
      FLOTILLA_PREFIX: prefix,
      DATA_DIR: folder,
      DATABASE_URL: `sqlite:${folder}/${'deep/'.repeat(30)}{service}.db`,
    };
    const modules = [status, topology, dead, retrying, unrouted, config];
    const broker = createRabbitBroker({ url: amqpUrl, connectionName: 'test', logger: silentLogger() });
    const publisher = broker.createPublisher();
    const linesOf = async (...args: string[]) => {
      const { out, said } = await runCommand({ modules, fleet, env, cwd: folder }, args);
      expect(out, `${args.join(' ')}: ${said}`).to.match(/\n/);
      return out.trimEnd().split('\n');
    };
    const fits = async (...args: string[]) => {
      for (const line of await linesOf(...args)) expect(line.length, `${args.join(' ')}: ${line}`).to.be.at.most(120);
    };
    try {
      await publisher.ready();
      await fits('topology', 'plan');
      await fits('topology', 'apply');
      const { body, properties } = deadLetterMessage({ orderId: 'o'.repeat(200) });
      await publisher.publish({ exchange: '', routingKey: names.retry(worker, 3_600_000), body, properties });
      await publisher.publish({ exchange: names.events, routingKey: `${'a'.repeat(100)}.b`, body, properties });
      await publishDeadLetters(
        { publisher, names },
        deadLetterMessage({ worker, orderId: 'o'.repeat(200), code: `code.${'c'.repeat(60)}` }),
      );
      await fits('retrying', 'list');
      await fits('unrouted', 'list');
      await (await openStore(env.DATABASE_URL, 'ops')).close(); // as a keeper does
      await linesOf('dead', 'collect');
      await fits('dead', 'list');
      await fits('dead', 'list', '--group');
      await fits('status');
      await fits('config', 'show');
    } finally {
      await publisher.close();
      await broker.close();
      await cleanUp(short);
      await rm(folder, { recursive: true, force: true });
    }
  });
});
