import { createMemoryBroker } from '../../../src/broker/memory/broker.js';
import { eventProperties } from '../../../src/broker/messages/event-properties.js';
import { parseFleetKeys } from '../../../src/broker/signing/fleet-keys.js';
import { signedBroker } from '../../../src/broker/signing/signed-broker.js';
import { namesFor, topologyOf } from '../../../src/broker/topology/topology.js';
import { openSqliteStore } from '../../../src/store/sqlite/index.js';
import { silentLogger } from '../../../src/telemetry/logger.js';
import { HandledCounter } from '../../../src/traffic/handled-counter.js';
import { workerDefiner } from '../../../src/worker/definition/define-worker.js';
import { queuesOf } from '../../../src/worker/definition/queues.js';
import { workerDefinitionOf } from '../../../src/worker/definition/worker-definition.js';
import { startWorker } from '../../../src/worker/start.js';
import { definitions, placedOrders } from './orders.js';
import { mark, type Workload } from './workload.js';

const PREFETCH = 100;

/** Handles messages of the memory broker: signature, pipeline, empty handler, durable inbox, ack. */
export const message: Workload = async ({ block, blocks }, folder) => {
  const worker = workerDefinitionOf(
    // valgrind makes a process fifty times slower
    workerDefiner(definitions)({
      name: 'noop',
      timeout: '15m',
      prefetch: PREFETCH,
      on: { 'order.placed': () => undefined },
    }),
  );
  const keys = parseFleetKeys('0123456789abcdef0123456789abcdef');
  const broker = signedBroker(createMemoryBroker(), { keys, verification: 'require' });
  const log = { maxAge: '1h', maxBytes: 1e8 };
  await broker.applyTopology(topologyOf([queuesOf(worker)], { prefix: '', log, unroutedMax: 10 }));
  const publisher = broker.createPublisher();
  await Promise.all(
    // the worker never reaches the end of the queue
    placedOrders(block * blocks + PREFETCH).map((event) =>
      publisher.publish({
        exchange: '',
        routingKey: namesFor('').queue('noop'),
        body: Buffer.from(JSON.stringify(event)),
        properties: eventProperties({ ...event, correlationId: event.correlationid, time: Date.parse(event.time) }),
        vouch: { origin: 'fleet' },
      }),
    ),
  );
  const store = await openSqliteStore({ service: 'noop', path: `${folder}/noop.db` });
  // commits nothing by itself: the counts would depend on the time of the run
  const handledCounter = await HandledCounter.open(store, {
    logger: silentLogger(),
    clock: { after: () => () => undefined },
  });
  let handled = 0;
  await new Promise<void>((resolve, reject) => {
    startWorker(worker, {
      store,
      broker,
      instance: 'guard',
      logger: silentLogger(),
      handledCounter,
      observe(_message, outcome) {
        if (outcome !== 'done') reject(new Error(`a message ended as ${outcome}`));
        handled += 1;
        if (handled % block === 0) mark();
        if (handled === block * blocks) resolve();
      },
    }).catch(reject);
  });
};
