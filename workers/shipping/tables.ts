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
  { name: 'why a shipment failed', sql: 'alter table shipments add column reason text;' },
];

/** The state of an order's shipment. `tombstone`: cancelled before it was booked, so that it can never be booked. */
export type Shipment =
  | { status: 'booked' | 'cancelled'; trackingNumber: string; estimatedDelivery: string }
  | { status: 'failed'; reason: string }
  | { status: 'tombstone' };

interface ShipmentRow {
  tracking_number: string | null;
  estimated_delivery: string | null;
  status: Shipment['status'];
  reason: string | null;
}

export async function readShipment(sql: Sql, orderId: string): Promise<Shipment | undefined> {
  const [row] = await sql<ShipmentRow>`
    select tracking_number, estimated_delivery, status, reason from shipments where order_id = ${orderId}`;
  if (row === undefined) return undefined;
  const { status, tracking_number: trackingNumber, estimated_delivery: estimatedDelivery, reason } = row;
  switch (status) {
    case 'booked':
    case 'cancelled':
      return { status, trackingNumber: trackingNumber ?? '', estimatedDelivery: estimatedDelivery ?? '' };
    case 'failed':
      return { status, reason: reason ?? 'failed before' }; // not stored by earlier releases
    case 'tombstone':
      return { status };
  }
}

export async function writeShipment(sql: Sql, orderId: string, shipment: Shipment): Promise<void> {
  const { trackingNumber, estimatedDelivery } =
    'trackingNumber' in shipment ? shipment : { trackingNumber: null, estimatedDelivery: null };
  const reason = shipment.status === 'failed' ? shipment.reason : null;
  await sql`
    insert into shipments (order_id, tracking_number, estimated_delivery, status, reason)
    values (${orderId}, ${trackingNumber}, ${estimatedDelivery}, ${shipment.status}, ${reason})
    on conflict (order_id) do update
    set tracking_number = excluded.tracking_number, estimated_delivery = excluded.estimated_delivery,
      status = excluded.status, reason = excluded.reason`;
}
