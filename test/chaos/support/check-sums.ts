import { checkSagas } from './check-sagas.js';
import { checkAccounts, checkLedger, checkStatistics, checkStock } from './check-totals.js';
import type { PlacedOrder, Promised, Token } from './customers.js';
import { givenUp, timesOf } from './sagas.js';
import { inboxName, services, Stores, workers } from './stores.js';
import { FINAL, INITIAL, readWorld, type Expectations, type World } from './world.js';

/** Checks in all stores of a fleet, and in the records of the sandbox, that everything the API confirmed took effect
 *  exactly once. Returns one sentence per error. */
export function checkSums(dataDir: string, promised: Promised, expectations: Expectations = {}): string[] {
  const stores = new Stores(dataDir);
  try {
    const world = readWorld(stores, promised, expectations);
    return [
      ...checkOrders(world),
      ...checkDelivery(world),
      ...checkOnce(world),
      ...checkSagas(world),
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

/** Exactly the orders confirmed with 201 exist, and each has ended as expected. */
function checkOrders(world: World): string[] {
  const { promised, statuses, deadLetters, mayBeDead, stores } = world;
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
    const deadLetter = deadLetters.find(({ subject, state }) => subject === `order/${order.id}` && state === 'dead');
    if (status === 'stuck' && (!NEVER_TAKEN.includes(order.token) || deadLetter === undefined)) {
      wrong.push(`order ${order.id} (${order.token}) is stuck with ${deadLetter?.code ?? 'no dead letter'}`);
    } else if (status !== undefined && status !== 'stuck' && !endingsOf(order, world).includes(status)) {
      wrong.push(`order ${order.id} (${order.token}) is ${status}`);
    }
  }
  for (const deadLetter of deadLetters) {
    const order = promised.orders.get(deadLetter.subject?.replace('order/', '') ?? '');
    if (order && NEVER_TAKEN.includes(order.token) && deadLetter.code === 'worker.unavailable') continue;
    if (!mayBeDead(deadLetter))
      wrong.push(`dead letter of ${deadLetter.worker}: ${deadLetter.type} ${deadLetter.subject} ${deadLetter.code}`);
  }
  return wrong;
}

/** The accepted final statuses of an order: the expected one, `rejected` for insufficient stock, or the one after
 *  its saga timed out if the scenario allows time-outs. */
function endingsOf(order: PlacedOrder, { sagas, mayTimeOut }: World): readonly string[] {
  if (order.cancelAccepted) return ['cancelled'];
  const saga = sagas.get(order.id);
  const gaveUp = saga && mayTimeOut ? givenUp(saga) : undefined;
  return [gaveUp ?? endingByItself(order), 'rejected'];
}

function endingByItself({ token, items, isDeliverable }: PlacedOrder): string {
  if (items.some(({ sku }) => !INITIAL.has(sku))) return 'rejected';
  if (NEVER_TAKEN.includes(token)) return 'never, by itself';
  if (REFUSED.includes(token)) return 'payment_failed';
  return isDeliverable ? 'shipped' : 'shipment_failed';
}

const NEVER_TAKEN: readonly Token[] = ['tok_down', 'tok_timeout'];
const REFUSED: readonly Token[] = ['tok_declined', 'tok_unheard_of'];

/** Every stored event was handled by, or dead-lettered for, each worker that accepts it; workers have handled no other
 *  events. */
function checkDelivery({ stores, events, deadLetters, isOptional }: World): string[] {
  const dead = new Set(deadLetters.map(({ worker, event_id }) => `${worker} ${event_id}`));
  return workers.flatMap((worker) => {
    const inbox = stores.inbox(worker);
    const due = events.filter((event) => worker.handlerOf.has(event.type) && worker.accepts?.(event) !== false);
    const known = new Set(due.map(inboxName));
    return [
      ...due
        .filter(
          (event) => !isOptional(event) && !inbox.has(inboxName(event)) && !dead.has(`${worker.name} ${event.id}`),
        )
        .map(({ type, subject, service }) => `${worker.name} has not handled ${type} of ${subject} from ${service}`),
      ...[...inbox]
        .filter((name) => !known.has(name))
        .map((name) => `${worker.name} has handled what is nobody's: ${name}`),
    ];
  });
}

/** The journal contains every stored event once, and no other events of these services; other services may have
 *  published. */
function checkJournal({ stores, events, isOptional }: World): string[] {
  const kept = stores.rows<{ source: string; id: string }>('journal', 'SELECT source, id FROM journal_events');
  const wanted = new Map(events.map((event) => [inboxName(event), event]));
  const seen = new Map<string, number>();
  for (const { source, id } of kept) {
    const name = inboxName({ service: source, id });
    seen.set(name, (seen.get(name) ?? 0) + 1);
  }
  return [
    ...[...wanted]
      .filter(([name, event]) => !seen.has(name) && !isOptional(event))
      .map(([, { type, subject, service }]) => `the journal has not ${type} of ${subject} from ${service}`),
    ...kept
      .filter(({ source, id }) => services.includes(source) && !wanted.has(inboxName({ service: source, id })))
      .map(({ source, id }) => `the journal has what ${source} never said: ${id}`),
    ...[...seen].filter(([, times]) => times > 1).map(([name, times]) => `the journal has ${name} ${times} times`),
  ];
}

/** Types that occur at most once per order, or once per command of its saga. */
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

function checkOnce({ events, stores, sagas }: World): string[] {
  const wrong: string[] = [];
  const seen = new Map<string, { times: number; most: number }>();
  const count = (name: string, most = 1) => seen.set(name, { times: (seen.get(name)?.times ?? 0) + 1, most });
  for (const { service, id, type, subject, data } of events) {
    count(`event ${id} in ${service}`);
    if (ONCE.includes(type)) count(`${type} of ${subject}`, timesOf(type, sagas.get(subject.replace('order/', ''))));
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
  for (const [name, { times, most }] of seen) if (times > most) wrong.push(`${name}: ${times} times`);
  return wrong;
}

/** One mail per announcement; the mailbox keeps the latest thousand. */
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
  if (new Set(sent).size !== sent.length) wrong.push('email.sent was emitted twice for one mail');
  if (!isCut) {
    for (const id of sent)
      if (!inMailbox.has(id)) wrong.push(`mail ${id} is recorded as sent and is not in the mailbox`);
    const subjects = new Set(mails.map(({ subject }) => subject));
    for (const { id } of promised.orders.values()) {
      const status = statuses.get(id) ?? '';
      const wanted = [
        `Your order ${id}`,
        ...(FINAL.includes(status) ? [`Your order ${id}: ${status.replace('_', ' ')}`] : []),
      ];
      for (const subject of wanted) if (!subjects.has(subject)) wrong.push(`no mail was sent: ${subject}`);
    }
    for (const { email } of promised.users) if (!seen.has(`Welcome to ${email}`)) wrong.push(`no welcome for ${email}`);
  }
  return wrong;
}
