import { expect } from 'chai';
import { baseCatalogue, catalogue, defineFleet, event, openStore, originContext, runWorkers } from 'flotilla';
import { z } from 'zod';
import type { Broker } from '../../../../src/broker/broker.js';
import { createRabbitBroker } from '../../../../src/broker/rabbitmq/broker.js';
import * as subject from '../../../../src/cli/commands/subject/index.js';
import * as topology from '../../../../src/cli/commands/topology/index.js';
import { loadConfig } from '../../../../src/config/load-config.js';
import { refillQueues } from '../../../../src/runtime/operator/refill.js';
import { silentLogger } from '../../../../src/telemetry/logger.js';
import { codeOf } from '../../../contract/store-events.js';
import { runCommand } from '../../../support/command.js';
import { eventually } from '../../../support/eventually.js';
import { openFleetPlace, type FleetPlace } from '../../../support/fleet-place.js';
import { manage } from '../../../support/management.js';

const types = catalogue(baseCatalogue, { 'account.credited': event({ 1: z.strictObject({ n: z.int() }) }) });

describe('a fleet that moves to another broker', function () {
  this.timeout(120_000);
  let place: FleetPlace;
  let vhost: string;
  const handled: string[] = [];
  let counted = 0;
  const fleet = defineFleet({
    catalogue: types,
    workers: [
      types.defineWorker({
        name: 'ledger',
        ordering: 'subject',
        on: {
          'account.credited': ({ subject, data: { n } }, ctx) => {
            ctx.write(async () => void handled.push(`${subject} ${n}`));
          },
        },
      }),
      types.defineWorker({ name: 'counter', on: { 'account.credited': () => void (counted += 1) } }),
    ],
    api: { store: 'core', routes: [] },
  });

  beforeEach(async () => {
    place = await openFleetPlace();
    vhost = `${place.prefix}other`;
    await manage(place.managementUrl, 'PUT', `vhosts/${vhost}`);
    await place.createStores('ops');
    handled.length = 0;
    counted = 0;
  });
  afterEach(async () => {
    await manage(place.managementUrl, 'DELETE', `vhosts/${vhost}`);
    await place.remove();
  });

  /** The first broker, or the one that the fleet moves to. */
  const urlOf = (which: 'old' | 'new') =>
    which === 'old' ? place.amqpUrl : `${place.amqpUrl.replace(/\/$/, '')}/${vhost}`;
  const optionsOf = (which: 'old' | 'new', signal: AbortSignal) => {
    const { managementUrl, prefix, folder: dataDir } = place;
    return {
      signal,
      config: { amqpUrl: urlOf(which), managementUrl, prefix, dataDir, drainTimeout: 5_000 },
      logger: silentLogger(),
    };
  };
  /** Publishes events of a subject with these numbers, and ends when the broker has them. */
  async function publish(which: 'old' | 'new', subject: string, ...numbers: number[]): Promise<void> {
    const stop = new AbortController();
    const outbox = openStore(fleet, 'core', optionsOf(which, stop.signal));
    const { store } = await outbox.ready;
    const events = numbers.map((n) =>
      types.create('account.credited', { n }, originContext({ source: 'core', subject })),
    );
    await store.append(subject, 'any', events);
    await eventually('they are published', async () => (await store.checkpoint('relay')) === (await store.head()));
    stop.abort();
    await outbox;
  }
  function start(which: 'old' | 'new') {
    const stop = new AbortController();
    const running = runWorkers(fleet, ['ledger', 'counter'], optionsOf(which, stop.signal));
    running.catch(() => undefined);
    const end = async () => {
      stop.abort();
      await running;
    };
    return { running, end };
  }
  const run = async (...args: string[]) => {
    const env = { ...place.env, AMQP_URL: urlOf('new') };
    return runCommand({ modules: [topology, subject], fleet, env, cwd: place.folder }, args);
  };
  /** The messages in a queue of the other broker. */
  async function waiting(queue: string): Promise<number | undefined> {
    const broker = createRabbitBroker({ url: urlOf('new'), connectionName: 'test', logger: silentLogger() });
    try {
      await broker.ready();
      return (await broker.queueDepth(queue))?.ready;
    } finally {
      await broker.close();
    }
  }
  const of = (subject: string) =>
    handled.filter((each) => each.startsWith(subject)).map((each) => Number(each.slice(2)));
  const upTo = (n: number) => Array.from({ length: n }, (_, index) => index + 1);

  /** The fleet handles the first event of a subject in the former broker, and stops. */
  async function handleFirstInOld(): Promise<void> {
    const first = start('old');
    await first.running.ready;
    await publish('old', 'a', 1);
    await eventually('it is handled', () => of('a').length === 1);
    await first.end();
  }

  it('is refused until it is refilled; then its ordered worker continues in order, and nothing is lost', async () => {
    const first = start('old');
    await first.running.ready;
    expect(await run('subject', 'hold', 'ledger', 'b')).to.have.property('code', 0);
    await publish('old', 'a', 1, 2, 3);
    await publish('old', 'b', 1, 2, 3);
    await eventually('they are handled, or parked', () => of('a').length === 3 && counted === 6);
    await first.end();
    await publish('old', 'a', ...upTo(20).slice(3));
    await publish('old', 'b', 4);

    // the API starts in the other broker before the workers
    expect((await run('topology', 'apply')).code).to.equal(0);
    await publish('new', 'a', 21);
    await publish('new', 'c', 1);
    const refused = start('new');
    const api = new AbortController();
    const outbox = openStore(fleet, 'core', optionsOf('new', api.signal));
    await outbox.ready;
    const [codeOfStart, early] = await Promise.all([codeOf(refused.running.ready), run('topology', 'refill', '--yes')]);
    expect(codeOfStart).to.equal('worker.broker_changed');
    expect(early.said).to.contain('topology.fleet_runs');
    api.abort();
    await outbox;
    await codeOf(refused.running);

    const preview = await run('topology', 'refill');
    expect(preview.code, preview.said).to.equal(0);
    expect(preview.out).to.match(/^ledger +\d+$/m);
    const sent = await run('topology', 'refill', '--yes');
    expect(sent.code, sent.said).to.equal(0);

    expect(await waiting(place.names.queue('ledger'))).to.equal(0);
    const second = start('new');
    await second.running.ready;
    await publish('new', 'a', 22);
    await eventually('those of other subjects are handled', () => of('a').length >= 22 && of('c').length >= 1);
    expect(of('a')).to.deep.equal(upTo(22));
    expect(of('c')).to.deep.equal([1]);
    const released = await run('subject', 'release', 'ledger', 'b');
    expect(released.code, released.said).to.equal(0);
    await eventually('what was parked in between is handled', () => of('b').length >= 4);
    expect(of('b')).to.deep.equal(upTo(4));
    expect((await run('topology', 'refill', '--yes')).said).to.contain('topology.in_use');
    await second.end();
  });

  it('remains refused after an interruption, until the refill has ended', async () => {
    await handleFirstInOld();
    await publish('old', 'a', 2, 3);
    expect((await run('topology', 'apply')).code).to.equal(0);
    await publish('new', 'a', 4, 5);

    const interruption = new AbortController();
    const broker = createRabbitBroker({ url: urlOf('new'), connectionName: 'test', logger: silentLogger() });
    await broker.ready();
    const refillPlace = {
      config: loadConfig({ ...place.env, AMQP_URL: urlOf('new') }),
      ...{ cwd: place.folder, logger: silentLogger(), signal: interruption.signal, notify: () => undefined },
    };
    // what was published to the other broker arrives while it is moved behind what was sent
    const interrupted: Broker = {
      ...broker,
      consume: (queue, options) =>
        broker.consume(queue, {
          ...options,
          onDelivery: (delivery) => {
            interruption.abort();
            return options.onDelivery(delivery);
          },
        }),
    };
    expect(await codeOf(refillQueues(fleet, refillPlace, interrupted))).to.equal(DOMException.ABORT_ERR);
    await broker.close();
    expect(await codeOf(start('new').running)).to.equal('worker.broker_changed');

    expect(await run('topology', 'refill', '--yes')).to.have.property('code', 0);
    const second = start('new');
    await second.running.ready;
    await eventually('all are handled', () => of('a').length >= 5);
    await second.end();
    expect(of('a')).to.deep.equal(upTo(5));
  });

  it('continues at once if an operator says that nothing waits in the former broker', async () => {
    await handleFirstInOld();
    expect((await run('topology', 'apply')).code).to.equal(0);
    const drained = await run('topology', 'refill', '--drained');
    expect(drained).to.include({ code: 0, out: 'Continue here: ledger.\n' });
    const second = start('new');
    await second.running.ready;
    await publish('new', 'a', 2);
    await eventually('it is handled', () => of('a').length === 2);
    await second.end();
    expect(of('a')).to.deep.equal([1, 2]);
  });
});
