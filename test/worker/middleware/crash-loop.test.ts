import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { eventProperties } from '../../../src/broker/messages/event-properties.js';
import { HEADERS, textHeader } from '../../../src/broker/messages/headers.js';
import { createRabbitBroker } from '../../../src/broker/rabbitmq/broker.js';
import { namesFor, topologyOf } from '../../../src/broker/topology/topology.js';
import { createEvent, originContext } from '../../../src/events/create.js';
import { openSqliteStore } from '../../../src/store/sqlite/index.js';
import { silentLogger } from '../../../src/telemetry/logger.js';
import { inbox } from '../../support/inbox.js';
import { cleanUp, testBroker } from '../../support/rabbitmq.js';
import { shop } from '../../support/shop.js';
import { eventually } from '../../support/eventually.js';

const JOBS = 40;
const FIXTURE = fileURLToPath(new URL('../fixtures/crashing-worker.ts', import.meta.url));

describe('a message that crashes the process at every attempt', function () {
  this.timeout(120_000);

  it('is dead-lettered as crash_loop; all other messages are handled', async () => {
    const { amqpUrl, managementUrl, prefix } = await testBroker();
    const folder = await mkdtemp(join(tmpdir(), 'flotilla-crash-'));
    const path = join(folder, 'store.db');
    const names = namesFor(prefix);
    const broker = createRabbitBroker({ url: amqpUrl, managementUrl, connectionName: 'test', logger: silentLogger() });
    const letters = inbox<string>();
    let child: ChildProcess | undefined;
    try {
      await broker.applyTopology(
        topologyOf([{ name: 'fragile', patterns: ['job.requested'], retryDelays: [1000, 10_000, 60_000, 600_000] }], {
          prefix,
          log: { maxAge: '1h', maxBytes: 20_000_000 },
          unroutedMax: 10,
        }),
      );
      const publisher = broker.createPublisher();
      await publisher.ready();
      for (let n = 1; n <= JOBS; n++) {
        const context = originContext({ source: 'test', subject: `job/${n}` });
        const event = createEvent(shop.definitions, 'job.requested', { n }, context);
        await publisher.publish({
          exchange: names.work,
          routingKey: event.type,
          body: Buffer.from(JSON.stringify(event)),
          properties: eventProperties({ ...event, correlationId: event.correlationid, time: Date.parse(event.time) }),
        });
      }
      broker.consume(names.dead('fragile'), {
        prefetch: 10,
        onDelivery: (delivery) => {
          letters.put(textHeader(delivery.properties.headers, HEADERS.errorCode) ?? '');
          delivery.ack();
        },
      });

      // restarts the process as a supervisor does, until the poison message is dead-lettered
      const letter = letters.next();
      let deaths = 0;
      for (let done = false; !done;) {
        child = fork(FIXTURE, [amqpUrl, prefix, path]);
        const died = once(child, 'exit').then(() => 'died' as const);
        const outcome = await Promise.race([died, letter]);
        if (outcome === 'died') {
          deaths += 1;
          expect(deaths, 'deaths').to.be.lessThan(10);
          continue;
        }
        expect(outcome).to.equal('worker.crash_loop');
        done = true;
      }
      const store = await openSqliteStore({ service: 'fragile', path });
      await eventually('all other jobs are done', async () => (await store.head()) >= JOBS - 1);
      const finished = (await store.readAll(0)).map(({ event }) => (event.data as { n: number }).n);
      expect(finished.sort((a, b) => a - b)).to.deep.equal(
        Array.from({ length: JOBS }, (_, index) => index + 1).filter((n) => n !== 13),
      );
      expect(letters.waiting).to.equal(0);
      await store.close();
      await publisher.close();
    } finally {
      if (child !== undefined && child.exitCode === null && child.signalCode === null) {
        child.kill('SIGKILL');
        await once(child, 'exit');
      }
      await broker.close();
      await cleanUp(prefix);
      await rm(folder, { recursive: true, force: true });
    }
  });
});
