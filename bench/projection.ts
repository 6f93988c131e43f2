import { z } from 'zod';
import { baseCatalogue, catalogue, event, originContext, type UnsequencedEvent } from 'flotilla';
import { runProjections } from '../src/projections/run.js';
import { openSqliteStore } from '../src/store/sqlite/index.js';
import { silentLogger } from '../src/telemetry/logger.js';
import type { Store } from '../src/store/store.js';
import type { Bench, BenchContext } from './support/bench.js';
import { measureAlternately, speedOf } from './support/rounds.js';
import { sized } from './support/size.js';
import { rate } from './support/table.js';
import { projectionDefinitionOf } from '../src/projections/definition.js';

const EVENTS = sized(50_000);
const ROUNDS = 3;
const BATCH = 200;
/** Events of one order: created, then three changes of status. */
const EACH = 4;

const orders = catalogue(baseCatalogue, {
  'order.created': event({ 1: z.strictObject({ orderId: z.string(), total: z.int(), currency: z.string() }) }),
  'order.status_changed': event({ 1: z.strictObject({ orderId: z.string(), status: z.string() }) }),
});

const list = orders.defineProjection({
  name: 'orders',
  version: 1,
  tables: {
    orders: `
      create table orders (
        order_id text not null primary key, status text not null, total bigint not null, currency text not null,
        version bigint not null, updated_at text not null
      );
      create index orders_by_status on orders (status, order_id);`,
  },
  on: {
    'order.created': async ({ data: { orderId, total, currency }, time, sequence }, { sql }) => {
      await sql`
        insert into orders (order_id, status, total, currency, version, updated_at)
        values (${orderId}, 'pending', ${total}, ${currency}, ${Number(sequence)}, ${time})`;
    },
    'order.status_changed': async ({ data: { orderId, status }, time, sequence }, { sql }) => {
      await sql`
        update orders set status = ${status}, version = ${Number(sequence)}, updated_at = ${time}
        where order_id = ${orderId}`;
    },
  },
});

/** A projection that catches up with its store, including reading, validating and upcasting the events, compared with
 *  the same SQL statements in transactions of the same size, with events from memory. */
export const projection: Bench = async ({ folder }: BenchContext) => {
  const events = ordersOf(EVENTS);
  let round = 0;
  const open = async (name: string) =>
    openSqliteStore({ service: 'core', path: `${folder}/projection-${name}-${round++}.db` });

  const ours = async () => {
    const store = await open('ours');
    await fill(store, events);
    let part: Awaited<ReturnType<typeof runProjections>> | undefined;
    const speed = await speedOf(events.length, async () => {
      part = await runProjections([projectionDefinitionOf(list)], { store, instance: 'bench', logger: silentLogger() });
      await part.caughtUp();
    });
    await part?.stop();
    await store.close();
    return speed;
  };

  const bare = async () => {
    const store = await open('bare');
    await store.migrate('bare', [{ name: '1', sql: projectionDefinitionOf(list).tables.orders ?? '' }]);
    const speed = await speedOf(events.length, async () => {
      for (let at = 0; at < events.length; at += BATCH) {
        await store.transaction(async ({ sql }) => {
          for (const { type, data, time } of events.slice(at, at + BATCH) as OrderEvent[]) {
            const { orderId } = data;
            if (type === 'order.created') {
              await sql`
                insert into orders (order_id, status, total, currency, version, updated_at)
                values (${orderId}, 'pending', ${data.total ?? 0}, ${data.currency ?? ''}, 1, ${time})`;
            } else {
              await sql`
                update orders set status = ${data.status ?? ''}, version = 2, updated_at = ${time}
                where order_id = ${orderId}`;
            }
          }
        });
      }
    });
    await store.close();
    return speed;
  };

  const medians = await measureAlternately(ROUNDS, { ours, bare });
  return [
    {
      name: `projection catching up, ${events.length.toLocaleString('en-US')} order events, ${BATCH} per transaction`,
      ours: rate(medians.ours),
      bare: `the same SQL alone ${rate(medians.bare)}`,
      ratio: medians.ours.perSecond / medians.bare.perSecond,
    },
  ];
};

interface OrderEvent {
  type: string;
  time: string;
  data: { orderId: string; total?: number; currency?: string; status?: string };
}

function ordersOf(count: number): UnsequencedEvent[] {
  const statuses = ['reserved', 'paid', 'shipped'];
  return Array.from({ length: count }, (_, n) => {
    // the events of 100 concurrent orders are interleaved
    const block = Math.floor(n / 400);
    const orderId = `o${block * 100 + (n % 100)}`;
    const step = Math.floor((n % 400) / 100);
    const context = originContext({ source: 'core', subject: `order/${orderId}` });
    return step === 0
      ? orders.create('order.created', { orderId, total: 100 + n, currency: 'USD' }, context)
      : orders.create('order.status_changed', { orderId, status: statuses[(step - 1) % (EACH - 1)] ?? '' }, context);
  });
}

async function fill(store: Store, events: readonly UnsequencedEvent[]): Promise<void> {
  for (let at = 0; at < events.length; at += 500) {
    await Promise.all(events.slice(at, at + 500).map((each) => store.append(each.subject, 'any', [each])));
  }
}
