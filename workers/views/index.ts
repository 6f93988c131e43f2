import type { EventEnvelope, Sql } from 'flotilla';
import { defineWorker } from '../../src/platform/catalogue.js';
import type { StockLevel } from '../../src/platform/inventory/events.js';

/** Keeps the read models behind `GET /inventory` and `GET /orders`. Every row knows the version it shows, and only a
 *  newer one changes it: events may come in any order. */
export default defineWorker({
  name: 'views',
  store: 'core',
  migrations: [
    {
      name: 'inventory and orders',
      sql: `
        create table inventory_view (
          sku text primary key,
          on_hand bigint not null,
          reserved bigint not null,
          version bigint not null
        );
        create table order_list (
          order_id text primary key,
          user_id text not null,
          status text not null,
          version bigint not null,
          updated_at text not null,
          currency text,
          total bigint,
          items text,
          created_at text,
          reason text,
          tracking_number text,
          estimated_delivery text
        );
        create index order_list_by_status on order_list (status, order_id);
      `,
    },
  ],
  on: {
    'inventory.reserved': ({ data }, ctx) => ctx.write(({ sql }) => showLevels(sql, data.levels)),
    'inventory.released': ({ data }, ctx) => ctx.write(({ sql }) => showLevels(sql, data.levels)),
    'inventory.adjusted': ({ data }, ctx) => ctx.write(({ sql }) => showLevels(sql, data.levels)),

    'order.created': (event, ctx) => {
      const { orderId, userId, currency, total, items } = event.data;
      const lines = JSON.stringify(items);
      ctx.write(async ({ sql }) => {
        await sql`
          insert into order_list (order_id, user_id, status, version, updated_at, currency, total, items, created_at)
          values (${orderId}, ${userId}, ${'pending'}, ${versionOf(event)}, ${event.time},
            ${currency}, ${total}, ${lines}, ${event.time})
          on conflict (order_id) do update
          set currency = excluded.currency, total = excluded.total, items = excluded.items,
            created_at = excluded.created_at`;
      });
    },

    'order.status_changed': (event, ctx) => {
      const { orderId, userId, status, reason, trackingNumber, estimatedDelivery } = event.data;
      ctx.write(async ({ sql }) => {
        await sql`
          insert into order_list (order_id, user_id, status, version, updated_at, reason, tracking_number,
            estimated_delivery)
          values (${orderId}, ${userId}, ${status}, ${versionOf(event)}, ${event.time},
            ${reason ?? null}, ${trackingNumber ?? null}, ${estimatedDelivery ?? null})
          on conflict (order_id) do update
          set status = excluded.status, version = excluded.version, updated_at = excluded.updated_at,
            reason = excluded.reason, tracking_number = excluded.tracking_number,
            estimated_delivery = excluded.estimated_delivery
          where excluded.version > order_list.version`;
      });
    },
  },
});

/** The order's version with this event. */
function versionOf({ sequence }: EventEnvelope): number {
  return Number(sequence ?? 0);
}

async function showLevels(sql: Sql, levels: readonly StockLevel[]): Promise<void> {
  for (const { sku, onHand, reserved, version } of levels) {
    await sql`
      insert into inventory_view (sku, on_hand, reserved, version) values (${sku}, ${onHand}, ${reserved}, ${version})
      on conflict (sku) do update
      set on_hand = excluded.on_hand, reserved = excluded.reserved, version = excluded.version
      where excluded.version > inventory_view.version`;
  }
}
