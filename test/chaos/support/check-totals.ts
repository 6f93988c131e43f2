import type { Event } from './stores.js';
import { differences, FINAL, INITIAL, type World } from './world.js';

/** The statistics of the read models match the orders. */
export function checkStatistics({ stores, promised, statuses }: World): string[] {
  const shipped = [...promised.orders.values()].filter(({ id }) => statuses.get(id) === 'shipped');
  const counts = new Map(
    stores
      .rows<{ name: string; amount: number }>('core', 'SELECT name, amount FROM user_statistics')
      .map(({ name, amount }) => [name, amount]),
  );
  const revenue = stores
    .rows<{ amount: number }>('core', 'SELECT amount FROM user_statistics_revenue')
    .reduce((sum, { amount }) => sum + amount, 0);
  const daily = stores
    .rows<{ orders: number; revenue: number }>('core', 'SELECT orders, revenue FROM daily_sales')
    .reduce((sum, day) => ({ orders: sum.orders + day.orders, revenue: sum.revenue + day.revenue }), {
      orders: 0,
      revenue: 0,
    });
  const total = shipped.reduce((sum, order) => sum + order.total, 0);
  return differences('statistics', {
    users: [counts.get('users') ?? 0, promised.users.length],
    orders: [counts.get('orders') ?? 0, promised.orders.size],
    completed: [counts.get('completed') ?? 0, shipped.length],
    revenue: [revenue, total],
    'orders of all days': [daily.orders, shipped.length],
    'revenue of all days': [daily.revenue, total],
  });
}

/** Every account matches the responses of the API, in its events and in its summary; no deposit or withdrawal is
 *  duplicated. */
export function checkAccounts({ stores, promised, events }: World): string[] {
  type Summary = { account_id: string; balance: number; transactions: number; version: number };
  const summaries = new Map(
    stores
      .rows<Summary>('core', 'SELECT account_id, balance, transactions, version FROM account_summary')
      .map((summary) => [summary.account_id, summary]),
  );
  const streams = new Map<string, Event[]>();
  for (const event of events.filter(({ type }) => type.startsWith('account.'))) {
    streams.set(event.subject, [...(streams.get(event.subject) ?? []), event]);
  }
  const strangers = [...summaries.keys()].filter((id) => !promised.accounts.has(id));
  return [
    ...strangers.map((id) => `account ${id} was answered to nobody`),
    ...[...promised.accounts.values()].flatMap(({ id, balance, transactions }) => {
      const stream = streams.get(`account/${id}`) ?? [];
      const summary = summaries.get(id);
      return differences(`account ${id}`, {
        balance: [Number(stream.at(-1)?.data.balanceAfter), balance],
        events: [stream.length, transactions],
        'balance in the summary': [summary?.balance, balance],
        'transactions in the summary': [summary?.transactions, transactions],
        'version in the summary': [summary?.version, stream.length],
      });
    }),
  ];
}

/** The stock equals the initial stock plus adjustments less shipments, and only open orders have reservations. */
export function checkStock({ stores, promised, statuses }: World): string[] {
  const expected = new Map([...INITIAL].map(([sku, onHand]) => [sku, { onHand, reserved: 0 }]));
  const change = (sku: string, onHand: number, reserved: number) => {
    const level = expected.get(sku);
    if (level === undefined) return;
    level.onHand += onHand;
    level.reserved += reserved;
  };
  for (const { sku, quantity } of promised.adjustments) change(sku, quantity, 0);
  for (const { id, items } of promised.orders.values()) {
    const status = statuses.get(id);
    for (const { sku, quantity } of items) {
      if (status === 'shipped') change(sku, -quantity, 0);
      else if (status !== undefined && !FINAL.includes(status)) change(sku, 0, quantity);
    }
  }
  type Level = { sku: string; on_hand: number; reserved: number };
  const levelsOf = (file: string, table: string) =>
    new Map(stores.rows<Level>(file, `SELECT sku, on_hand, reserved FROM ${table}`).map((level) => [level.sku, level]));
  const stock = levelsOf('inventory', 'stock');
  const view = levelsOf('core', 'inventory_view');
  return [...expected].flatMap(([sku, { onHand, reserved }]) =>
    differences(`stock of ${sku}`, {
      'on hand': [stock.get(sku)?.on_hand, onHand],
      reserved: [stock.get(sku)?.reserved, reserved],
      'on hand in the view': [view.get(sku)?.on_hand, onHand],
      'reserved in the view': [view.get(sku)?.reserved, reserved],
    }),
  );
}

/** The gateway has one charge per shipped order and has refunded all others; every shipment was booked after its
 *  payment. */
export function checkLedger({ stores, promised, statuses }: World): string[] {
  type Row = { kind: 'charge' | 'refund'; order_id: string; amount: number; at: string };
  type Parcel = { order_id: string; status: string; at: string };
  const ledger = stores.rows<Row>('sandbox', 'SELECT kind, order_id, amount, at FROM ledger');
  const parcels = stores.rows<Parcel>('sandbox', 'SELECT order_id, status, at FROM shipments');
  const booked = new Set(parcels.filter(({ status }) => status === 'booked').map(({ order_id }) => order_id));
  const wrong: string[] = [];
  for (const { order_id, status, at } of parcels) {
    const charge = ledger.find((row) => row.order_id === order_id && row.kind === 'charge');
    if (charge === undefined || charge.at > at) wrong.push(`order ${order_id} was ${status} before it was paid`);
  }
  for (const { order_id } of ledger) if (!promised.orders.has(order_id)) wrong.push(`a charge for nobody: ${order_id}`);
  for (const { id, total } of promised.orders.values()) {
    const rows = ledger.filter(({ order_id }) => order_id === id);
    const charges = rows.filter(({ kind }) => kind === 'charge');
    const kept = rows.reduce((sum, { kind, amount }) => sum + (kind === 'charge' ? amount : -amount), 0);
    const isShipped = statuses.get(id) === 'shipped';
    if (charges.length > 1) wrong.push(`order ${id} was charged ${charges.length} times`);
    if (kept !== (isShipped ? total : 0)) wrong.push(`the gateway keeps ${kept} for order ${id}, ${statuses.get(id)}`);
    if (booked.has(id) && kept !== total)
      wrong.push(`order ${id} has a parcel, and the gateway keeps ${kept} of ${total}`);
    if (booked.has(id) !== isShipped)
      wrong.push(`order ${id} is ${statuses.get(id)}, its parcel ${booked.has(id) ? 'booked' : 'not booked'}`);
  }
  return wrong;
}
