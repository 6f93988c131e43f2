import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { createRabbitBroker } from '../../src/broker/rabbitmq/broker.js';
import { namesFor } from '../../src/broker/topology/topology.js';
import * as config from '../../src/cli/commands/config.js';
import * as dead from '../../src/cli/commands/dead/index.js';
import * as retrying from '../../src/cli/commands/retrying.js';
import * as status from '../../src/cli/commands/status/index.js';
import * as topology from '../../src/cli/commands/topology/index.js';
import * as unrouted from '../../src/cli/commands/unrouted.js';
import { defineFleet } from '../../src/fleet/define-fleet.js';
import { openStore } from '../../src/store/open.js';
import { silentLogger } from '../../src/telemetry/logger.js';
import { publishDeadLetters, deadLetterMessage, payments } from '../dead-letters/support/dead-letter-fixture.js';
import { runCommand } from '../support/command.js';
import { cleanUp, testBroker } from '../support/rabbitmq.js';

const worker = `payment-${'long-'.repeat(20)}name`;
const fleet = defineFleet({
  catalogue: payments,
  workers: [
    payments.defineWorker({
      name: worker,
      on: { 'payment.process': () => undefined },
      retry: { delays: ['1h', '90s'] },
    }),
  ],
});

describe('every table of the command line', function () {
  this.timeout(90_000);

  it('keeps names, codes and times of any length, cuts free text for the terminal and nothing in a pipe', async () => {
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
    const run = async (args: string[], columns?: number) => {
      const { out, said } = await runCommand({ modules, fleet, env, cwd: folder, ...(columns && { columns }) }, args);
      expect(out, `${args.join(' ')}: ${said}`).to.match(/\n/);
      return out;
    };
    /** Prints a table into a pipe and onto a terminal; `whole` values are in both, `cut` ones only in the pipe. */
    const check = async (args: string[], { whole, cut = [] }: { whole: string[]; cut?: string[] }) => {
      const piped = await run(args);
      const shown = await run(args, 100);
      expect(piped, args.join(' ')).not.to.contain('…');
      for (const value of [...whole, ...cut]) expect(piped, args.join(' ')).to.contain(value);
      for (const value of whole) expect(shown, args.join(' ')).to.contain(value);
      for (const value of cut) expect(shown, args.join(' ')).not.to.contain(value);
    };
    const [code, orderId] = [`code.${'c'.repeat(60)}`, 'o'.repeat(200)];
    try {
      await publisher.ready();
      await check(['topology', 'plan'], { whole: [names.queue(worker), names.retry(worker, 3_600_000)] });
      await run(['topology', 'apply']);
      const { body, properties } = deadLetterMessage({ orderId });
      await publisher.publish({ exchange: '', routingKey: names.retry(worker, 3_600_000), body, properties });
      await publisher.publish({ exchange: names.events, routingKey: `${'a'.repeat(100)}.b`, body, properties });
      await publishDeadLetters({ publisher, names }, deadLetterMessage({ worker, orderId, code }));
      await check(['retrying', 'list'], { whole: [worker, names.retry(worker, 3_600_000)] });
      await check(['unrouted', 'list'], { whole: ['payment.process', 'COMMAND'], cut: [`order/${orderId}`] });
      await (await openStore(env.DATABASE_URL, 'ops')).close(); // as a keeper does
      await run(['dead', 'collect']);
      const [died] = /\d{4}-\d\d-\d\dT[\d:.]+Z/.exec(await run(['dead', 'list'])) ?? [''];
      await check(['dead', 'list'], { whole: [worker, code, 'payment.process', died], cut: [`order/${orderId}`] });
      await check(['dead', 'list', '--group'], { whole: [worker, code, 'payment.process', died] });
      await check(['status'], { whole: [worker] });
      await check(['config', 'show'], { whole: ['AMQP_MANAGEMENT_URL'], cut: [env.DATABASE_URL] });
    } finally {
      await publisher.close();
      await broker.close();
      await cleanUp(short);
      await rm(folder, { recursive: true, force: true });
    }
  });
});
