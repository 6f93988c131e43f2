import { fork } from 'node:child_process';
import { once } from 'node:events';
import { expect } from 'chai';
import type { Broker } from '../../../../src/broker/broker.js';
import { HEADERS } from '../../../../src/broker/messages/headers.js';
import type { Names } from '../../../../src/broker/topology/topology.js';
import * as dead from '../../../../src/cli/commands/dead/index.js';
import * as topology from '../../../../src/cli/commands/topology/index.js';
import * as unrouted from '../../../../src/cli/commands/unrouted.js';
import { defineFleet, type Fleet } from '../../../../src/fleet/define-fleet.js';
import {
  publishDeadLetters,
  deadLetterMessage,
  takeMessages,
  payments,
} from '../../../dead-letters/support/dead-letter-fixture.js';
import { runCommand } from '../../../support/command.js';
import { openFleetPlace, type FleetPlace } from '../../../support/fleet-place.js';
import { eventually } from '../../../support/eventually.js';

const fleetOf = (payment: string, delay: string, ordering: 'none' | 'subject' | 'sequence' = 'none') =>
  defineFleet({
    catalogue: payments,
    workers: [
      payments.defineWorker({
        name: payment,
        ordering,
        on: { 'payment.process': () => undefined },
        retry: { delays: ['1h'] },
      }),
      payments.defineWorker({
        name: 'shipping',
        on: { 'payment.processed': () => undefined },
        retry: { delays: ['1h', delay] },
      }),
    ],
  });
const before = fleetOf('payment', '2h');
/** The fleet after `payment` was renamed to `billing` and the delay of `shipping` was changed. */
const after = fleetOf('billing', '3h');

describe('queues without a worker', function () {
  this.timeout(120_000);
  let place: FleetPlace;
  let folder: string;
  let prefix: string;
  let env: NodeJS.ProcessEnv;
  let broker: Broker;
  let names: Names;

  beforeEach(async () => {
    place = await openFleetPlace();
    ({ folder, prefix, env, names } = place);
    broker = await place.connect();
    await place.createStores('ops');
    await runIn(before, 'topology', 'apply');
    await run('topology', 'apply');
  });
  afterEach(async () => {
    await place.remove();
  });

  const runIn = (fleet: Fleet, ...args: string[]) =>
    runCommand({ modules: [topology, dead, unrouted], fleet, env, cwd: folder }, args);
  const run = (...args: string[]) => runIn(after, ...args);
  const json = async (...args: string[]) => JSON.parse((await run(...args, '--json')).out);
  const depth = async (queue: string) => (await broker.queueDepth(queue))?.ready;
  const surplus = async () => {
    const { items } = await json('topology', 'plan');
    return items
      .filter(({ problem }: { problem: string }) => problem === 'surplus')
      .map(({ name, detail }: { name: string; detail: string }) => `${name.slice(prefix.length)} ${detail}`);
  };

  /** Three new messages, one retry and one quarantined message for `payment`, and one retry for `shipping`. */
  const fill = async (letters: ReturnType<typeof deadLetterMessage>[] = []) => {
    const publisher = broker.createPublisher();
    await publisher.ready();
    for (const n of [1, 2, 3]) {
      const { body, properties } = deadLetterMessage({ orderId: `new-${n}` });
      const { messageId = '', type = '' } = properties;
      const fresh = { messageId, type, contentType: properties.contentType };
      const message = { exchange: names.events, routingKey: 'payment.process', body, properties: fresh };
      await publisher.publish(message);
    }
    const retried = deadLetterMessage({ orderId: 'retried' });
    const newer = deadLetterMessage({ orderId: 'newer' });
    await publisher.publish({ exchange: '', routingKey: names.retry('payment', 3_600_000), ...retried });
    await publisher.publish({ exchange: '', routingKey: names.retry('shipping', 7_200_000), ...retried });
    await publisher.publish({ exchange: names.failed('payment'), routingKey: 'newer', ...newer });
    await publishDeadLetters({ publisher, names }, ...letters);
    await publisher.close();
  };

  it('are not moved to a worker with an order, which would get earlier messages after later ones', async () => {
    await fill();
    const to = (by: 'subject' | 'sequence') =>
      runIn(fleetOf('billing', '3h', by), 'topology', 'remove', 'payment', '--to', 'billing');
    const refused = await to('subject');
    expect(refused.code).to.equal(1);
    expect(refused.said).to.match(/topology\.breaks_order.*payment.* has messages/s);
    expect((await to('sequence')).code).to.equal(0);
    expect(await depth(names.queue('payment'))).to.equal(3);
  });

  it('are reported as surplus, with their message counts', async () => {
    await fill([deadLetterMessage({ orderId: 'dead' })]);
    expect(await surplus()).to.have.members([
      'payment no worker payment: 3 messages',
      'payment.retry.1h no worker payment: 1 messages',
      'payment.dead no worker payment: 1 dead letters',
      'payment.newer no worker payment: 1 quarantined messages',
      'shipping.retry.2h not a retry delay of shipping: 1 messages',
    ]);
    env['WORKERS'] = 'shipping'; // a worker that runs elsewhere is not a missing worker
    expect((await surplus()).join()).not.to.contain('billing');
  });

  it('do not include queues of another fleet', async () => {
    env['FLOTILLA_PREFIX'] = `${prefix}payment-`;
    await runIn(before, 'topology', 'apply');
    env['FLOTILLA_PREFIX'] = prefix;
    expect((await surplus()).some((line: string) => line.includes('payment-'))).to.equal(false);
  });

  it('are removed without losing a message: retries become unrouted, and dead letters are stored', async () => {
    await fill([deadLetterMessage({ orderId: 'dead-1' }), deadLetterMessage({ orderId: 'dead-2' })]);
    const preview = await run('topology', 'remove', '--surplus');
    expect(preview.said).to.contain('--yes');
    expect(await surplus()).to.have.length(5);
    expect(await depth(names.queue('payment'))).to.equal(3);

    const removed = await run('topology', 'remove', '--surplus', '--yes');
    expect(removed.said).to.equal('');
    expect(removed.code, removed.out).to.equal(0);
    expect(await surplus()).to.deep.equal([]);
    expect(await depth(names.queue('payment'))).to.equal(undefined);
    const { items } = await json('unrouted', 'list');
    expect(items.filter(({ type }: { type: string }) => type === 'payment.process')).to.have.length(5);
    expect(await depth(names.queue('shipping'))).to.equal(1);
    expect((await json('dead', 'list')).total).to.equal(2);

    // the new worker receives the unhandled messages as first attempts
    const already = (await depth(names.queue('billing'))) ?? 0;
    await run('unrouted', 'replay');
    const got = await takeMessages(broker, names.queue('billing'), already + 5);
    expect(got.every(({ properties }) => properties.headers[HEADERS.attempt] === undefined)).to.equal(true);
    const letters = await run('dead', 'replay', '--all');
    expect(letters.code).to.equal(1);
    expect(letters.out).to.contain('no worker payment').and.contain('--to');
    expect((await run('dead', 'replay', '--all', '--to', 'billing')).code).to.equal(0);
    expect(await takeMessages(broker, names.queue('billing'), 2)).to.have.length(2);
  });

  it('move their messages to the named worker', async () => {
    await fill();
    const already = (await depth(names.queue('billing'))) ?? 0;
    expect((await run('topology', 'remove', 'payment', '--to', 'billing', '--yes')).code).to.equal(0);
    expect(await depth(names.queue('billing'))).to.equal(already + 5);
    expect(await surplus()).to.have.length(1);
    expect((await run('topology', 'remove', 'payment', '--to', 'billing', '--yes')).code).to.equal(1);
    expect((await run('topology', 'remove', 'shipping', '--to', 'nobody')).code).to.equal(1);
  });

  it('do not receive replayed dead letters', async () => {
    await fill([deadLetterMessage({ orderId: 'dead' })]);
    await runIn(before, 'dead', 'collect');
    const { code, out } = await run('dead', 'replay', '--all');
    expect(code).to.equal(1);
    expect(out).to.contain('refused').and.contain('no worker payment');
    expect(await depth(names.queue('payment'))).to.equal(3);
  });

  it('are kept when a process consumes them or the unrouted queue has no capacity', async () => {
    await fill();
    const consumer = broker.consume(names.retry('payment', 3_600_000), { prefetch: 1, onDelivery: () => undefined });
    await eventually('the queue has a consumer', () => consumer.consuming);
    const used = await run('topology', 'remove', 'payment', '--yes');
    await consumer.close();
    expect(used.code).to.equal(1);
    expect(used.said).to.contain('topology.in_use');
    const publisher = broker.createPublisher();
    await publisher.ready();
    const { body, properties } = deadLetterMessage();
    const unbound = { exchange: names.events, routingKey: 'payment.unbound', body, properties };
    await Promise.all(Array.from({ length: 10_000 }, () => publisher.publish(unbound)));
    await publisher.close();
    const full = await run('topology', 'remove', 'payment', '--yes');
    expect(full.code).to.equal(1);
    expect(full.said).to.contain('topology.no_room');
    expect(await depth(names.queue('payment'))).to.equal(3);
    expect(await depth(names.retry('payment', 3_600_000))).to.equal(1);
  });

  it('are removed by running the command again after a kill', async () => {
    await fill([deadLetterMessage({ orderId: 'dead' })]);
    const child = fork(new URL('../../../dead-letters/fixtures/remove-process.ts', import.meta.url), [
      prefix,
      env['AMQP_URL'] ?? '',
      env['AMQP_MANAGEMENT_URL'] ?? '',
    ]);
    const [, killed] = (await once(child, 'exit')) as [number | null, string | null];
    expect(killed).to.equal('SIGKILL');
    // the broker returns the messages in flight once it detects the lost connection
    for (let result = await run('topology', 'remove', '--surplus', '--yes'); result.code !== 0;) {
      result = await run('topology', 'remove', '--surplus', '--yes');
    }
    expect(await surplus()).to.deep.equal([]);
    const { items } = await json('unrouted', 'list');
    const subjects = new Set(items.map(({ subject }: { subject: string }) => subject));
    expect([...subjects].filter((subject) => subject !== 'order/dead')).to.include.members([
      'order/new-1',
      'order/new-2',
      'order/new-3',
      'order/retried',
    ]);
    expect((await json('dead', 'list')).total).to.equal(1);
  });
});
