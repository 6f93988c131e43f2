import type { Promised, PlacedOrder } from './customers.js';
import { inboxName, services, Stores, workers, type Event } from './stores.js';

export interface Letter {
  id: string;
  worker: string;
  event_id: string | null;
  type: string | null;
  subject: string | null;
  code: string;
  state: string;
}

export interface Expectations {
  /** Dead letters that are meant to be there. By default none but those of orders with `tok_down`. */
  mayBeDead?: (letter: Letter) => boolean;
}

const INITIAL = new Map([
  ['item_1', 100],
  ['item_2', 50],
  ['item_3', 75],
]);
const FINAL = ['shipped', 'rejected', 'payment_failed', 'shipment_failed', 'cancelled'];

/** Proves over every store of a fleet, and over what the outside world wrote down itself, that what the API promised has
 *  come true, once. Gives what is wrong, each as a sentence: nothing when all is well. */
export function checkSums(dataDir: string, promised: Promised, expectations: Expectations = {}): string[] {
  const stores = new Stores(dataDir);
  try {
    const world = readWorld(stores, promised, expectations);
    return [
      ...checkOrders(world),
      ...checkDelivery(world),
      ...checkOnce(world),
      ...checkJournal(world),
      ...checkStatistics(world),
      ...checkAccounts(world),
      ...checkStock(world),
      ...checkLedger(world),
      ...checkMails(world),
    ];
  } finally {
    stores.close();
  }
}

interface World {
  stores: Stores;
  promised: Promised;
  events: Event[];
  letters: Letter[];
  mayBeDead: (letter: Letter) => boolean;
  statuses: Map<string, string>;
}

function readWorld(stores: Stores, promised: Promised, { mayBeDead = () => false }: Expectations): World {
  const events = services.flatMap((service) => stores.events(service));
  const statuses = new Map<string, string>();
  for (const { service, type, data } of events) {
    if (service !== 'core') continue;
    if (type === 'order.created') statuses.set(String(data.orderId), 'pending');
    if (type === 'order.status_changed') statuses.set(String(data.orderId), String(data.status));
  }
  const letters = stores.rows<Letter>(
    'ops',
    'SELECT id, worker, event_id, type, subject, code, state FROM dead_letters',
  );
  return { stores, promised, events, letters, mayBeDead, statuses };
}

/** Every order that was answered 201 is there, no other is, and each has ended as it had to. */
function checkOrders({ promised, statuses, letters, mayBeDead, stores }: World): string[] {
  const wrong: string[] = [];
  for (const id of statuses.keys()) if (!promised.orders.has(id)) wrong.push(`order ${id} was answered to nobody`);
  const list = new Map(
    stores
      .rows<{ order_id: string; status: string }>('core', 'SELECT order_id, status FROM order_summary')
      .map(({ order_id, status }) => [order_id, status]),
  );
  for (const order of promised.orders.values()) {
    const status = statuses.get(order.id);
    if (status === undefined) wrong.push(`order ${order.id} was answered 201 and is lost`);
    else if (status !== list.get(order.id))
      wrong.push(`order ${order.id} is ${status}, listed as ${list.get(order.id)}`);
    const letter = letters.find(({ subject, state }) => subject === `order/${order.id}` && state === 'dead');
    if (status === 'stuck' && (order.token !== 'tok_down' || letter === undefined)) {
      wrong.push(`order ${order.id} (${order.token}) is stuck with ${letter?.code ?? 'no dead letter'}`);
    } else if (status !== undefined && status !== 'stuck' && !endingsOf(order).includes(status)) {
      wrong.push(`order ${order.id} (${order.token}) is ${status}`);
    }
  }
  for (const letter of letters) {
    const order = promised.orders.get(letter.subject?.replace('order/', '') ?? '');
    if (order?.token === 'tok_down' && letter.code === 'worker.unavailable') continue;
    if (!mayBeDead(letter))
      wrong.push(`dead letter of ${letter.worker}: ${letter.type} ${letter.subject} ${letter.code}`);
  }
  return wrong;
}

function endingsOf({ token, items, cancelAccepted }: PlacedOrder): readonly string[] {
  if (cancelAccepted) return ['cancelled'];
  if (items.some(({ sku }) => !INITIAL.has(sku))) return ['rejected'];
  if (token === 'tok_declined') return ['payment_failed', 'rejected'];
  if (token === 'tok_down') return ['rejected'];
  return ['shipped', 'rejected'];
}

/** Every event in every store has been handled by each worker that takes its type, or lies in its dead letters; and
 *  nobody has handled anything else. */
function checkDelivery({ stores, events, letters }: World): string[] {
  const dead = new Set(letters.map(({ worker, event_id }) => `${worker} ${event_id}`));
  return workers.flatMap((worker) => {
    const inbox = stores.inbox(worker);
    const due = events.filter(({ type }) => worker.handlerOf.has(type));
    const known = new Set(due.map(inboxName));
    return [
      ...due
        .filter((event) => !inbox.has(inboxName(event)) && !dead.has(`${worker.name} ${event.id}`))
        .map(({ type, subject, service }) => `${worker.name} has not handled ${type} of ${subject} from ${service}`),
      ...[...inbox]
        .filter((name) => !known.has(name))
        .map((name) => `${worker.name} has handled what is nobody's: ${name}`),
    ];
  });
}

/** The journal has every event of every store once, and nothing else of these services; strangers may have published, too. */
function checkJournal({ stores, events }: World): string[] {
  const kept = stores.rows<{ source: string; id: string }>('journal', 'SELECT source, id FROM journal_events');
  const wanted = new Map(events.map((event) => [inboxName(event), event]));
  const seen = new Map<string, number>();
  for (const { source, id } of kept) {
    const name = inboxName({ service: source, id });
    seen.set(name, (seen.get(name) ?? 0) + 1);
  }
  return [
    ...[...wanted]
      .filter(([name]) => !seen.has(name))
      .map(([, { type, subject, service }]) => `the journal has not ${type} of ${subject} from ${service}`),
    ...kept
      .filter(({ source, id }) => services.includes(source) && !wanted.has(inboxName({ service: source, id })))
      .map(({ source, id }) => `the journal has what ${source} never said: ${id}`),
    ...[...seen].filter(([, times]) => times > 1).map(([name, times]) => `the journal has ${name} ${times} times`),
  ];
}

/** Answers that are given once for an order, however often it was asked. */
const ONCE = [
  'order.created',
  'order.cancelled',
  'inventory.reserve',
  'inventory.reserved',
  'inventory.rejected',
  'payment.process',
  'payment.processed',
  'payment.failed',
  'shipment.create',
  'shipment.created',
];

function checkOnce({ events, stores }: World): string[] {
  const wrong: string[] = [];
  const seen = new Map<string, number>();
  const count = (name: string) => seen.set(name, (seen.get(name) ?? 0) + 1);
  for (const { service, id, type, subject, data } of events) {
    count(`event ${id} in ${service}`);
    if (ONCE.includes(type)) count(`${type} of ${subject}`);
    if (type === 'order.status_changed' && data.status !== 'stuck' && data.previous !== 'stuck') {
      count(`status ${String(data.status)} of ${subject}`);
    }
    if (type === 'inventory.adjusted' && data.reason === 'shipped') count(`goods taken for ${String(data.orderId)}`);
  }
  for (const { order_id } of stores.rows<{ order_id: string }>(
    'sandbox',
    `SELECT order_id FROM shipments WHERE status = 'booked'`,
  )) {
    count(`parcel of order ${order_id}`);
  }
  for (const [name, times] of seen) if (times > 1) wrong.push(`${name}: ${times} times`);
  return wrong;
}

function checkStatistics({ stores, promised, statuses }: World): string[] {
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

/** Every account holds what was answered, in its events and in its summary; no deposit or withdrawal is there twice. */
function checkAccounts({ stores, promised, events }: World): string[] {
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

/** What is on hand and what was shipped is what there was and what came; nothing is reserved for nobody. */
function checkStock({ stores, promised, statuses }: World): string[] {
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

/** The gateway has one charge for each order that was shipped, and has given back every other. */
function checkLedger({ stores, promised, statuses }: World): string[] {
  type Row = { kind: 'charge' | 'refund'; order_id: string; amount: number };
  const ledger = stores.rows<Row>('sandbox', 'SELECT kind, order_id, amount FROM ledger');
  const booked = new Set(
    stores
      .rows<{ order_id: string }>('sandbox', `SELECT order_id FROM shipments WHERE status = 'booked'`)
      .map((row) => row.order_id),
  );
  const wrong: string[] = [];
  for (const { order_id } of ledger) if (!promised.orders.has(order_id)) wrong.push(`a charge for nobody: ${order_id}`);
  for (const { id, total } of promised.orders.values()) {
    const rows = ledger.filter(({ order_id }) => order_id === id);
    const charges = rows.filter(({ kind }) => kind === 'charge');
    const kept = rows.reduce((sum, { kind, amount }) => sum + (kind === 'charge' ? amount : -amount), 0);
    const isShipped = statuses.get(id) === 'shipped';
    if (charges.length > 1) wrong.push(`order ${id} was charged ${charges.length} times`);
    if (kept !== (isShipped ? total : 0)) wrong.push(`the gateway keeps ${kept} for order ${id}, ${statuses.get(id)}`);
    if (booked.has(id) !== isShipped)
      wrong.push(`order ${id} is ${statuses.get(id)}, its parcel ${booked.has(id) ? 'booked' : 'not booked'}`);
  }
  return wrong;
}

/** One mail for each thing there is to tell; the mailbox keeps the latest thousand. */
function checkMails({ stores, promised, statuses, events }: World): string[] {
  const mails = stores.rows<{ message_id: string; subject: string; recipient: string }>(
    'sandbox',
    `SELECT m.message_id, m.subject, r.address AS recipient FROM mails m JOIN mail_recipients r ON r.mail = m.seq`,
  );
  const isCut = mails.length >= 1000;
  const wrong: string[] = [];
  const seen = new Map<string, number>();
  for (const { subject, recipient } of mails) {
    const name = `${subject} to ${recipient}`;
    seen.set(name, (seen.get(name) ?? 0) + 1);
  }
  for (const [name, times] of seen) if (times > 1) wrong.push(`mail "${name}" came ${times} times, as different mails`);
  const inMailbox = new Set(mails.map(({ message_id }) => message_id));
  const sent = events.filter(({ type }) => type === 'email.sent').map(({ data }) => String(data.messageId));
  if (new Set(sent).size !== sent.length) wrong.push('email.sent was said twice of one mail');
  if (!isCut) {
    for (const id of sent)
      if (!inMailbox.has(id)) wrong.push(`mail ${id} is said to be sent and is not in the mailbox`);
    const subjects = new Set(mails.map(({ subject }) => subject));
    for (const { id } of promised.orders.values()) {
      const status = statuses.get(id) ?? '';
      const wanted = [
        `Your order ${id}`,
        ...(FINAL.includes(status) ? [`Your order ${id}: ${status.replace('_', ' ')}`] : []),
      ];
      for (const subject of wanted) if (!subjects.has(subject)) wrong.push(`nobody was told: ${subject}`);
    }
    for (const { email } of promised.users) if (!seen.has(`Welcome to ${email}`)) wrong.push(`no welcome for ${email}`);
  }
  return wrong;
}

function differences(what: string, pairs: Record<string, [number | undefined, number]>): string[] {
  return Object.entries(pairs)
    .filter(([, [found, expected]]) => found !== expected)
    .map(([name, [found, expected]]) => `${what}, ${name}: ${found}, expected ${expected}`);
}
