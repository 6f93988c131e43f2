import { defineProjection } from '../catalogue.js';

/** The latest result of the order metrics of each minute. */
export const ordersPerMinute = defineProjection({
  name: 'orders-per-minute',
  version: 1,
  tables: {
    orders_per_minute: `
      create table orders_per_minute (
        minute bigint not null primary key,
        version bigint not null,
        revision bigint not null,
        orders bigint not null,
        late bigint not null,
        currencies text not null
      )`,
  },
  on: {
    'order.metrics': async ({ data: { window, currencies } }, { sql }) => {
      const { start, version, revision, count, late } = window;
      await sql`
        insert into orders_per_minute (minute, version, revision, orders, late, currencies)
        values (${start}, ${version}, ${revision}, ${count}, ${late}, ${JSON.stringify(currencies)})
        on conflict (minute) do update
        set version = excluded.version, revision = excluded.revision, orders = excluded.orders, late = excluded.late,
          currencies = excluded.currencies
        where (excluded.version, excluded.revision) > (orders_per_minute.version, orders_per_minute.revision)`;
    },
  },
});
