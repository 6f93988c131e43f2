import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { HEADERS, textHeader } from '../../../src/broker/messages/headers.js';
import { inbox } from '../../support/inbox.js';
import { testBroker } from '../../support/rabbitmq.js';
import { tallyMigrations } from '../../support/shop.js';
import { jobBegun, numbers, openLogFixture } from '../../event-log/support/log-fixture.js';
import { eventually } from '../../support/eventually.js';

const FIXTURE = fileURLToPath(new URL('../fixtures/log-crash-worker.ts', import.meta.url));

describe('an event of the log that crashes the process at every attempt', function () {
  this.timeout(120_000);

  it('is dead-lettered as crash_loop; every other event is handled once', async () => {
    const bench = await openLogFixture('rabbitmq', { workers: [{ name: 'fragile', patterns: [], retryDelays: [] }] });
    const { amqpUrl } = await testBroker();
    const letters = inbox<string>();
    const store = await bench.open('fragile');
    await store.migrate('worker:fragile', tallyMigrations);
    let child: ChildProcess | undefined;
    try {
      await bench.publish(...numbers(1, 40).map((n) => jobBegun(n)));
      bench.broker.consume(bench.names.dead('fragile'), {
        prefetch: 10,
        onDelivery: (delivery) => {
          letters.put(textHeader(delivery.properties.headers, HEADERS.errorCode) ?? '');
          delivery.ack();
        },
      });
      // restarts the process as a supervisor does, until the poison event is dead-lettered
      const letter = letters.next();
      for (let deaths = 0; ; deaths += 1) {
        expect(deaths, 'deaths').to.be.lessThan(10);
        child = fork(FIXTURE, [amqpUrl, bench.opened.prefix, join(bench.folder, 'fragile.db')]);
        const outcome = await Promise.race([once(child, 'exit').then(() => 'died' as const), letter]);
        if (outcome === 'died') continue;
        expect(outcome).to.equal('worker.crash_loop');
        break;
      }
      const tally = async () => (await store.query<{ n: number }>`select n from tally order by n`).map(({ n }) => n);
      await eventually(async () => (await tally()).length >= 39);
      expect(await tally()).to.deep.equal(numbers(1, 40).filter((n) => n !== 13));
      expect(letters.waiting).to.equal(0);
    } finally {
      if (child !== undefined && child.exitCode === null && child.signalCode === null) {
        child.kill('SIGKILL');
        await once(child, 'exit');
      }
      await bench.close();
    }
  });
});
