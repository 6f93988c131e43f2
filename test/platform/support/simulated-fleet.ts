import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createMemoryBroker } from '../../../src/broker/memory/broker.js';
import { eventProperties } from '../../../src/broker/messages/event-properties.js';
import { namesFor, topologyOf } from '../../../src/broker/topology/topology.js';
import type { Store } from '../../../src/store/store.js';
import { openSqliteStore } from '../../../src/store/sqlite/index.js';
import type { StoredEvent } from '../../../src/store/stored-event.js';
import { silentLogger } from '../../../src/telemetry/logger.js';
import { queuesOfAll } from '../../../src/worker/definition/queues.js';
import { startWorker, type RunningWorker } from '../../../src/worker/start.js';
import { workerDefinitionOf, type Worker } from '../../../src/worker/definition/worker-definition.js';

export interface SimulatedFleet {
  store: (service: string) => Store;
  /** The path of a store's file. */
  path: (service: string) => string;
  /** Delivers any undelivered event, and sometimes a delivered one again. False once all events are delivered,
   *  handled and projected. Rejects when a worker does not complete one. */
  step: () => Promise<boolean>;
  stop: () => Promise<void>;
}

/** Far more than any test needs, so that an endless chain of events fails instead of hanging. */
const MAX_STEPS = 100_000;

/** The workers in one process, with real stores. A single relay replaces those of the stores and delivers events in
 *  random order, even within a subject, and some of them twice: worse than any order of the real relays. */
export async function simulatedFleet(
  workers: readonly Worker[],
  { use, random }: { use: Readonly<Record<string, unknown>>; random: () => number },
): Promise<SimulatedFleet> {
  const folder = await mkdtemp(join(tmpdir(), 'flotilla-simulated-'));
  const broker = createMemoryBroker();
  const names = namesFor('');
  const queues = queuesOfAll(workers.map(workerDefinitionOf));
  await broker.applyTopology(
    topologyOf(queues, { prefix: '', log: { maxAge: '1h', maxBytes: 100_000_000 }, unroutedMax: 1000 }),
  );
  const path = (service: string) => join(folder, `${service}.db`);
  const stores = new Map<string, Store>();
  const running: RunningWorker[] = [];
  let handled = 0;
  let expected = 0;
  let failed: string | undefined;
  let wake = () => {};
  for (const definition of workers.map(workerDefinitionOf)) {
    const { name, store: service } = definition;
    const store = stores.get(service) ?? (await openSqliteStore({ service, path: path(service) }));
    stores.set(service, store);
    const observe = (_message: unknown, outcome: string) => {
      if (outcome !== 'done' && outcome !== 'duplicate') failed ??= `${name}: ${outcome}`;
      handled += 1;
      wake();
    };
    const given = name in use ? { use: use[name] } : {};
    running.push(
      await startWorker(definition, { store, broker, instance: 'one', logger: silentLogger(), observe, ...given }),
    );
  }
  const publisher = broker.createPublisher();
  await publisher.ready();
  let steps = 0;
  const positions = new Map<string, number>();
  const waiting: StoredEvent[] = [];
  const gather = async () => {
    for (const [service, store] of stores) {
      for (;;) {
        const events = await store.readAll(positions.get(service) ?? 0);
        const last = events.at(-1);
        if (last === undefined) break;
        waiting.push(...events);
        positions.set(service, last.position);
      }
    }
  };
  const publish = async (stored: StoredEvent) => {
    const { event, body, type } = stored;
    const takers = workers.filter((worker) => workerDefinitionOf(worker).handlerOf.has(type)).length;
    expected += takers;
    await publisher.publish({
      exchange: names.events,
      routingKey: type,
      body: Buffer.from(body),
      properties: eventProperties({ ...event, correlationId: event.correlationid, time: stored.time }),
    });
  };
  return {
    path,
    store: (service) => {
      const store = stores.get(service);
      if (store === undefined) throw new Error(`no store ${service}`);
      return store;
    },
    async step() {
      steps += 1;
      if (steps > MAX_STEPS) throw new Error(`the fleet has not come to rest after ${MAX_STEPS} steps`);
      await gather();
      while (waiting.length === 0 && handled < expected) {
        await new Promise<void>((resolve) => (wake = resolve));
        await gather();
      }
      if (failed !== undefined) throw new Error(failed);
      const at = Math.floor(random() * waiting.length);
      const [event] = random() < 0.1 ? waiting.slice(at, at + 1) : waiting.splice(at, 1);
      if (event === undefined) {
        await Promise.all(running.map((worker) => worker.caughtUp()));
        return false;
      }
      await publish(event);
      return true;
    },
    async stop() {
      await Promise.all(running.map((worker) => worker.stop(5000)));
      await publisher.close();
      await broker.close();
      await Promise.all([...stores.values()].map((store) => store.close()));
      await rm(folder, { recursive: true, force: true });
    },
  };
}
