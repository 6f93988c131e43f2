import type { Migration, Sql } from 'flotilla';
import type { StockLevel } from '#platform/inventory/events.js';
import type { Quantity } from './stock.js';

export const migrations: Migration[] = [
  {
    name: 'stock and reservations',
    sql: `
      create table stock (
        sku text primary key,
        on_hand bigint not null check (on_hand >= reserved),
        reserved bigint not null check (reserved >= 0),
        version bigint not null
      );
      create table reservations (
        order_id text primary key,
        state text not null,
        quantities text not null
      );
    `,
  },
  { name: 'why a reservation was rejected', sql: 'alter table reservations add column reason text;' },
];

/** `tombstone`: released before it was reserved, so that it can never be reserved. */
export type ReservationState = 'reserved' | 'rejected' | 'shipped' | 'released' | 'tombstone';

export interface Reservation {
  state: ReservationState;
  quantities: Quantity[];
  /** Why it was rejected; undefined in rows of earlier releases. */
  reason?: string;
}

interface StockRow {
  sku: string;
  on_hand: number;
  reserved: number;
  version: number;
}

/** The levels of these SKUs, without unknown ones. */
export async function readStock(sql: Sql, quantities: readonly Quantity[]): Promise<StockLevel[]> {
  const levels: StockLevel[] = [];
  for (const { sku } of quantities) {
    const [row] = await sql<StockRow>`select sku, on_hand, reserved, version from stock where sku = ${sku}`;
    if (row === undefined) continue;
    levels.push({
      sku,
      onHand: Number(row.on_hand),
      reserved: Number(row.reserved),
      version: Number(row.version),
    });
  }
  return levels;
}

export async function writeStock(sql: Sql, levels: readonly StockLevel[]): Promise<void> {
  for (const { sku, onHand, reserved, version } of levels) {
    await sql`
      insert into stock (sku, on_hand, reserved, version) values (${sku}, ${onHand}, ${reserved}, ${version})
      on conflict (sku) do update
      set on_hand = excluded.on_hand, reserved = excluded.reserved, version = excluded.version`;
  }
}

export async function readReservation(sql: Sql, orderId: string): Promise<Reservation | undefined> {
  const [row] = await sql<{ state: ReservationState; quantities: string; reason: string | null }>`
    select state, quantities, reason from reservations where order_id = ${orderId}`;
  if (row === undefined) return undefined;
  const { state, quantities, reason } = row;
  return { state, quantities: JSON.parse(quantities) as Quantity[], ...(reason !== null && { reason }) };
}

export async function writeReservation(sql: Sql, orderId: string, reservation: Reservation): Promise<void> {
  const { state, quantities, reason = null } = reservation;
  await sql`
    insert into reservations (order_id, state, quantities, reason)
    values (${orderId}, ${state}, ${JSON.stringify(quantities)}, ${reason})
    on conflict (order_id) do update
    set state = excluded.state, quantities = excluded.quantities, reason = excluded.reason`;
}
