import { saveSagaEntry, sagaEntryMigrations, type Sql } from 'flotilla';
import { defineWorker } from '#platform/catalogue.js';
import type { StockLevel } from '#platform/inventory/events.js';
import { accountSummary } from '#platform/read-models/account-summary.js';
import { orderSummary } from '#platform/read-models/order-summary.js';

/** Keeps the read models behind `GET /orders` and `GET /accounts/:id/summary`, from the events of the store it shares, and
 *  two from what others say, in any order: the one behind `GET /inventory`, in which every row knows the version it shows
 *  and only a newer one changes it, and the entries of sagas behind `GET /orders/:id/saga`. Both are rebuilt from history by
 *  `flotilla replay --to views --again`. */
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
    { name: 'the list of orders is a projection', sql: 'drop table order_list;' },
    ...sagaEntryMigrations,
  ],
  projections: [orderSummary, accountSummary],
  replay: 'reset',
  reset: async ({ sql }) => {
    await sql`delete from inventory_view`;
    await sql`delete from saga_entries`;
  },
  on: {
    'inventory.reserved': ({ data }, ctx) => ctx.write(({ sql }) => showLevels(sql, data.levels)),
    'inventory.released': ({ data }, ctx) => ctx.write(({ sql }) => showLevels(sql, data.levels)),
    'inventory.adjusted': ({ data }, ctx) => ctx.write(({ sql }) => showLevels(sql, data.levels)),
    'saga.*': (event, ctx) => ctx.write(({ sql }) => saveSagaEntry(sql, event)),
  },
});

async function showLevels(sql: Sql, levels: readonly StockLevel[]): Promise<void> {
  for (const { sku, onHand, reserved, version } of levels) {
    await sql`
      insert into inventory_view (sku, on_hand, reserved, version) values (${sku}, ${onHand}, ${reserved}, ${version})
      on conflict (sku) do update
      set on_hand = excluded.on_hand, reserved = excluded.reserved, version = excluded.version
      where excluded.version > inventory_view.version`;
  }
}
