import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { harness } from 'flotilla/testing';
import { createMemoryBroker } from '../../../src/broker/memory/broker.js';
import { namesFor, topologyOf } from '../../../src/broker/topology/topology.js';
import { eventProperties } from '../../../src/broker/messages/event-properties.js';
import { createEvent, originContext } from '../../../src/events/create.js';
import { openSqliteStore } from '../../../src/store/sqlite/index.js';
import { silentLogger } from '../../../src/telemetry/logger.js';
import { queuesOf } from '../../../src/worker/definition/queues.js';
import { startWorker } from '../../../src/worker/start.js';
import { begunBefore } from '../../platform/support/events.js';
import { shop } from '../../support/shop.js';
import { eventually } from '../../support/eventually.js';
import { workerDefinitionOf } from '../../../src/worker/definition/worker-definition.js';

const looking = (seen: boolean[], hold: () => Promise<void> = async () => undefined) =>
  shop.defineWorker({
    name: 'looking',
    on: {
      'job.begun': async (_event, ctx) => {
        seen.push(ctx.mayHaveRunBefore);
        await hold();
      },
    },
  });
const begun = { type: 'job.begun', data: { n: 1 } };

describe('the mark that an earlier handling may have begun', () => {
  it('is false at the first delivery, and true after a failure and in a replay', async () => {
    const seen: boolean[] = [];
    await harness(looking(seen)).when(begun).emits();
    await harness(looking(seen), { headers: begunBefore }).when(begun).emits();
    await harness(looking(seen), { headers: { 'flotilla-replay': 'run-1' } })
      .when(begun)
      .emits();
    expect(seen).to.deep.equal([false, true, true]);
  });

  it('is true for a redelivery after a lost connection', async () => {
    const seen: boolean[] = [];
    let enter = () => {};
    const entered = new Promise<void>((resolve) => (enter = resolve));
    let release = () => {};
    const released = new Promise<void>((resolve) => (release = resolve));
    const definition = workerDefinitionOf(
      looking(seen, () => {
        enter();
        return released;
      }),
    );
    const folder = await mkdtemp(join(tmpdir(), 'flotilla-begun-'));
    const store = await openSqliteStore({ service: 'looking', path: join(folder, 'store.db') });
    const broker = createMemoryBroker();
    await broker.applyTopology(
      topologyOf([queuesOf(definition)], { prefix: '', log: { maxAge: '1h', maxBytes: 1_000_000 }, unroutedMax: 10 }),
    );
    const start = () => startWorker(definition, { store, broker, instance: 'one', logger: silentLogger() });
    const first = await start();
    const publisher = broker.createPublisher();
    const event = createEvent(
      shop.definitions,
      'job.begun',
      { n: 1 },
      originContext({ source: 's', subject: 'job/1' }),
    );
    await publisher.publish({
      exchange: '',
      routingKey: namesFor('').queue('looking'),
      body: Buffer.from(JSON.stringify(event)),
      properties: eventProperties({ ...event, correlationId: event.correlationid, time: Date.parse(event.time) }),
    });
    await entered;
    broker.fault.disconnect();
    await first.stop(0); // its handler still runs, and will commit nothing
    const second = await start();
    broker.fault.reconnect();
    await eventually('the event is handled again', () => seen.length >= 2);
    expect(seen).to.deep.equal([false, true]);
    release();
    await second.stop(1000);
    await publisher.close();
    await broker.close();
    await store.close();
    await rm(folder, { recursive: true, force: true });
  });
});
