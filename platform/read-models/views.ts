import { saveSagaEntry, sagaEntryMigrations, type Sql } from 'flotilla';
import { defineWorker } from '../catalogue.js';
import type { StockLevel } from '../inventory/events.js';
import { accountSummary } from './account-summary.js';
import { orderSummary } from './order-summary.js';

/** Updates the tables that routes read: the projections behind `GET /orders` and `GET /accounts/:id/summary`, and two
 *  tables of events of other services, which arrive in any order. `GET /inventory` reads one of them, whose rows only a
 *  higher version replaces; `GET /orders/:id/saga` reads the entries of sagas. `flotilla replay --to views --again`
 *  rebuilds both. */
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
