import { join } from 'node:path';
import Database from 'better-sqlite3';
import { createPublisher } from '../../../src/client/publisher.js';
import { createRabbitBroker } from '../../../src/broker/rabbitmq/broker.js';
import { silentLogger } from '../../../src/telemetry/logger.js';
import { earlier, later } from '../fixtures/rolling.js';
import type { ChaosFleet } from './chaos-fleet.js';

export type Release = 'earlier' | 'later';

/** Variables of a fleet whose processes run the release that their variable RELEASE names. */
export const ROLLING_ENV = { FLEET_KEY: '', FLOTILLA_FLEET: 'test/chaos/fixtures/rolling.ts' };

/** The place of an event in the order of its subject. */
export interface Place {
  subject: string;
  count: number;
}

/** A program outside the fleet that publishes events of both releases. Each publish resolves with the id of the event. */
export async function openTill({ options: { amqpUrl: url, prefix } }: ChaosFleet) {
  const broker = createRabbitBroker({ url, connectionName: prefix, logger: silentLogger() });
  await broker.ready();
  const options = { broker, source: 'till', prefix };
  const publishers = {
    earlier: createPublisher({ ...options, catalogue: earlier }),
    later: createPublisher({ ...options, catalogue: later }),
  };
  return {
    broker,
    async add(release: Release, { subject, count }: Place): Promise<string> {
      const { id } = await (release === 'earlier'
        ? publishers.earlier.publish('amount.added', { count }, { subject })
        : publishers.later.publish('amount.added', { count, currency: 'EUR' }, { subject }));
      return id;
    },
    /** Publishes an event of a type that the earlier release does not have. */
    async remove({ subject, count }: Place): Promise<string> {
      const { id } = await publishers.later.publish('amount.removed', { count }, { subject });
      return id;
    },
    close: () => broker.close(),
  };
}

/** Reads or changes the store of a worker. */
export function withStore<T>(dataDir: string, worker: string, work: (store: Database.Database) => T): T {
  const store = new Database(join(dataDir, `${worker}.db`));
  try {
    return work(store);
  } finally {
    store.close();
  }
}

/** What a worker has handled, in this order. */
export function handledBy(dataDir: string, worker: string): Place[] {
  return withStore(dataDir, worker, (store) => store.prepare<[], Place>('select * from handled order by rowid').all());
}
