import { expect } from 'chai';
import { createMemoryBroker } from '../../../src/broker/memory/broker.js';
import { eventProperties } from '../../../src/broker/messages/event-properties.js';
import { namesFor, topologyOf } from '../../../src/broker/topology/topology.js';
import { FlotillaError } from '../../../src/errors.js';
import { createEvent, originContext } from '../../../src/events/create.js';
import type { Store } from '../../../src/store/store.js';
import { openMemoryStore } from '../../../src/store/memory/index.js';
import { silentLogger } from '../../../src/telemetry/logger.js';
import { systemClock } from '../../../src/concurrency/clock.js';
import { queuesOf } from '../../../src/worker/definition/queues.js';
import { startWorker } from '../../../src/worker/start.js';
import type { DeliveryOutcome } from '../../../src/worker/pipeline/settle.js';
import { shop } from '../../support/shop.js';
import { eventually } from '../../support/eventually.js';
import { workerDefinitionOf } from '../../../src/worker/definition/worker-definition.js';

const worker = shop.defineWorker({
  name: 'tally',
  emits: ['job.finished'],
  on: { 'job.requested': ({ data: { n } }, ctx) => ctx.emit('job.finished', { n }) },
});

/** A store on a nearly full disk: it accepts the small commit that records a start, and rejects every other commit. */
function nearlyFull(store: Store) {
  const disk = { full: true, refused: 0, starts: 0 };
  const refuse = (): Promise<never> => {
    disk.refused += 1;
    return Promise.reject(new FlotillaError('store.full'));
  };
  const refusing: Partial<Store> = {
    transaction: (work) => (disk.full ? refuse() : store.transaction(work)),
    markHandled: (key) => (disk.full ? refuse() : store.markHandled(key)),
    clearStarts: (key) => (disk.full ? refuse() : store.clearStarts(key)),
    recordStart: (key) => {
      disk.starts += 1;
      return store.recordStart(key);
    },
  };
  const full = new Proxy(store, {
    get(target, property) {
      const own: unknown = Reflect.get(refusing, property);
      const value: unknown = Reflect.get(target, property, target);
      return own ?? (typeof value === 'function' ? value.bind(target) : value);
    },
  });
  return { store: full, disk };
}

async function start(replicas = 1) {
  const broker = createMemoryBroker();
  const names = namesFor('');
  const log = { maxAge: '1h', maxBytes: 1_000_000 };
  await broker.applyTopology(topologyOf([queuesOf(workerDefinitionOf(worker))], { prefix: '', log, unroutedMax: 100 }));
  const inner = openMemoryStore({ service: 'tally', clock: Date.now });
  const { store, disk } = nearlyFull(inner);
  const outcomes: DeliveryOutcome[] = [];
  const running = await Promise.all(
    Array.from({ length: replicas }, (_, n) =>
      startWorker(workerDefinitionOf(worker), {
        store,
        broker,
        instance: `test-${n}`,
        logger: silentLogger(),
        clock: { ...systemClock, after: (milliseconds, work) => systemClock.after(milliseconds / 50, work) },
        observe: (_, outcome) => outcomes.push(outcome),
      }),
    ),
  );
  const event = createEvent(
    shop.definitions,
    'job.requested',
    { n: 1 },
    originContext({ source: 't', subject: 'j/1' }),
  );
  await broker.createPublisher().publish({
    exchange: '',
    routingKey: names.queue('tally'),
    body: Buffer.from(JSON.stringify(event)),
    properties: eventProperties({ ...event, correlationId: event.correlationid, time: Date.parse(event.time) }),
  });
  const stop = async () => {
    for (const each of running) await each.stop(1000);
    await broker.close();
    await inner.close();
  };
  return { broker, store, disk, outcomes, dead: () => broker.queueDepth(names.dead('tally')), running, stop };
}

describe('a message whose start is committed while its outcome cannot be', function () {
  this.timeout(120_000);

  it('is not treated as the cause of a crash, and is handled when the store commits again', async () => {
    for (const replicas of [1, 3]) {
      const { disk, outcomes, dead, store, stop } = await start(replicas);
      await eventually(() => disk.starts >= 1 && disk.refused >= 6);
      disk.full = false;
      await eventually(() => outcomes.includes('done'));
      expect(new Set(outcomes)).to.deep.equal(new Set(['returned', 'done']));
      expect(await dead()).to.include({ ready: 0 });
      expect(await store.head()).to.equal(1);
      await stop();
    }
  });

  it('is not treated as the cause of a crash when the broker redelivers it repeatedly', async () => {
    const { broker, disk, outcomes, dead, stop } = await start();
    for (let starts = 1; starts <= 6; starts += 1) {
      await eventually(() => disk.starts >= starts);
      broker.fault.disconnect();
      broker.fault.reconnect();
    }
    disk.full = false;
    await eventually(() => outcomes.includes('done'));
    expect(await dead()).to.include({ ready: 0 });
    await stop();
  });
});
