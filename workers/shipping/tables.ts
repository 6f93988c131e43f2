import type { Migration, Sql } from 'flotilla';

export const migrations: Migration[] = [
  {
    name: 'shipments',
    sql: `
      create table shipments (
        order_id text primary key,
        tracking_number text,
        estimated_delivery text,
        status text not null
      );
    `,
  },
];

/** `tombstone`: cancelled before it was booked, so that it never should be. */
export type ShipmentStatus = 'booked' | 'failed' | 'cancelled' | 'tombstone';

export interface Shipment {
  trackingNumber: string | null;
  estimatedDelivery: string | null;
  status: ShipmentStatus;
}

interface ShipmentRow {
  tracking_number: string | null;
  estimated_delivery: string | null;
  status: ShipmentStatus;
}

export async function readShipment(sql: Sql, orderId: string): Promise<Shipment | undefined> {
  const [row] = await sql<ShipmentRow>`
    select tracking_number, estimated_delivery, status from shipments where order_id = ${orderId}`;
  return row && { trackingNumber: row.tracking_number, estimatedDelivery: row.estimated_delivery, status: row.status };
}

export async function writeShipment(sql: Sql, orderId: string, shipment: Shipment): Promise<void> {
  const { trackingNumber, estimatedDelivery, status } = shipment;
  await sql`
    insert into shipments (order_id, tracking_number, estimated_delivery, status)
    values (${orderId}, ${trackingNumber}, ${estimatedDelivery}, ${status})
    on conflict (order_id) do update
    set tracking_number = excluded.tracking_number, estimated_delivery = excluded.estimated_delivery,
      status = excluded.status`;
}
