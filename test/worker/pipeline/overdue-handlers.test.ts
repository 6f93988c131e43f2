import { expect } from 'chai';
import { createMemoryBroker } from '../../../src/broker/memory/broker.js';
import { eventProperties } from '../../../src/broker/messages/event-properties.js';
import { namesFor, topologyOf } from '../../../src/broker/topology/topology.js';
import { createEvent, originContext } from '../../../src/events/create.js';
import { openMemoryStore } from '../../../src/store/memory/index.js';
import { silentLogger } from '../../../src/telemetry/logger.js';
import { createMetrics } from '../../../src/telemetry/metrics.js';
import { queuesOf } from '../../../src/worker/definition/queues.js';
import { startWorker } from '../../../src/worker/start.js';
import { shop, tallyMigrations } from '../../support/shop.js';
import { testFleet, type TestFleet } from '../../support/test-fleet.js';
import { eventually } from '../../support/eventually.js';
import { workerDefinitionOf } from '../../../src/worker/definition/worker-definition.js';

/** A worker whose handler for 13 ignores its abort signal and does not return until `release` is called. */
function stuckWorker({ prefetch = 2, delays = ['20ms'], timeout = '40ms' } = {}) {
  let release = () => {};
  const released = new Promise<void>((resolve) => (release = resolve));
  const late: string[] = [];
  let handlings = 0;
  const worker = shop.defineWorker({
    name: 'tally',
    emits: ['job.finished'],
    migrations: tallyMigrations,
    prefetch,
    timeout,
    retry: { delays },
    on: {
      'job.requested': async ({ data: { n } }, ctx) => {
        if (n === 13) {
          handlings += 1;
          await released;
          try {
            ctx.emit('job.finished', { n: -1 });
          } catch (error) {
            late.push(error instanceof Error && 'code' in error ? String(error.code) : 'no error');
          }
          return;
        }
        ctx.emit('job.finished', { n });
      },
    },
  });
  return { worker, release, late, handlings: () => handlings };
}

describe('a handler that does not return', function () {
  this.timeout(120_000);
  let fleet: TestFleet | undefined;

  afterEach(async () => {
    await fleet?.stop();
    fleet = undefined;
  });

  it('is abandoned after three times its timeout; its message is retried and dead-lettered without a commit', async () => {
    const { worker, release, late } = stuckWorker();
    const metrics = createMetrics();
    fleet = await testFleet(worker, { metrics });
    const { running, store } = fleet;
    const job = (n: number) => fleet?.event('job.requested', { n }, `job/${n}`);
    await fleet.send(...[13, 1, 2, 3].map(job).filter((event) => event !== undefined));
    await eventually(() => running.state().overdue === 1);
    await fleet.until((seen) => seen.some(({ outcome }) => outcome === 'dead'));
    const ofStuck = fleet.seen.filter(({ code }) => code !== undefined);
    expect(ofStuck.map(({ outcome, code, attempt }) => [outcome, code, attempt])).to.deep.equal([
      ['retried', 'worker.timeout', 1],
      ['dead', 'worker.timeout', 2],
    ]);
    await fleet.until((seen) => seen.filter(({ outcome }) => outcome === 'done').length === 3);
    expect(running.state()).to.include({ overdue: 0, abandoned: 2, stuck: false, inFlight: 0 });
    expect(await metrics.registry.metrics()).to.include('flotilla_handlers_abandoned{worker="tally"} 2');

    release();
    await eventually(() => running.state().abandoned === 0);
    expect(late).to.deep.equal(['worker.revoked', 'worker.revoked']);
    const emitted = (await store.readAll(0)).map(({ event }) => (event.data as { n: number }).n);
    expect(emitted.sort()).to.deep.equal([1, 2, 3]);
  });

  it('holds its slot until it is abandoned; a worker without a free slot reports that it is stuck', async () => {
    const { worker, release } = stuckWorker({ prefetch: 1, timeout: '300ms' });
    fleet = await testFleet(worker);
    const { running } = fleet;
    await fleet.send(fleet.event('job.requested', { n: 13 }));
    await eventually(() => running.state().stuck);
    await eventually(() => !running.state().stuck);
    release();
  });

  it('ends the process after too many handlers were abandoned', async () => {
    const { worker, release } = stuckWorker({
      prefetch: 20,
      delays: ['10ms', '10ms', '10ms', '10ms'],
      timeout: '10ms',
    });
    const fatal: Error[] = [];
    fleet = await testFleet(worker, { onFatal: (error) => fatal.push(error) });
    const events = Array.from({ length: 5 }, (_, n) => fleet?.event('job.requested', { n: 13 }, `job/${n}`));
    await fleet.send(...events.filter((event) => event !== undefined));
    await fleet.until((seen) => seen.filter(({ outcome }) => outcome === 'dead').length === 5);
    expect(fatal).to.have.length(1);
    expect(fatal[0]).to.include({ code: 'worker.handlers_abandoned', disposal: 'retry' });
    release();
  });

  it('is not started again by redeliveries after lost channels', async () => {
    const { worker, release, handlings } = stuckWorker({ prefetch: 5, timeout: '1m' });
    const definition = workerDefinitionOf(worker);
    const broker = createMemoryBroker();
    const names = namesFor('');
    const log = { maxAge: '1h', maxBytes: 1_000_000 };
    await broker.applyTopology(topologyOf([queuesOf(definition)], { prefix: '', log, unroutedMax: 100 }));
    const store = openMemoryStore({ service: 'tally', clock: Date.now });
    const logger = silentLogger();
    const running = await startWorker(definition, { store, broker, instance: 'test', logger });
    const event = createEvent(
      shop.definitions,
      'job.requested',
      { n: 13 },
      originContext({ source: 't', subject: 'j/1' }),
    );
    const publisher = broker.createPublisher();
    await publisher.publish({
      exchange: '',
      routingKey: names.queue('tally'),
      body: Buffer.from(JSON.stringify(event)),
      properties: eventProperties({ ...event, correlationId: event.correlationid, time: Date.parse(event.time) }),
    });
    await eventually(() => running.state().inFlight === 1);
    for (let copy = 1; copy <= 4; copy += 1) {
      broker.fault.disconnect();
      broker.fault.reconnect();
      await eventually(() => running.state().consuming && running.state().inFlight === 2);
    }
    expect(handlings()).to.equal(1);
    release();
    await eventually(() => running.state().inFlight === 0);
    expect(handlings()).to.equal(1);
    await running.stop(1000);
    await broker.close();
    await store.close();
  });
});
