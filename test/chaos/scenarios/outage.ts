import type { ChaosRun } from '../support/chaos-run.js';
import { settled, settledForGood, withFleet, type RunOptions } from '../support/chaos-run.js';
import type { DeadLetter, Expectations } from '../support/world.js';
import { setOutage } from '../support/outages.js';
import { Stores } from '../support/stores.js';
import { eventually } from '../../support/eventually.js';

interface Status {
  items: {
    worker: string;
    breaker: string;
    ready: number;
    inFlight: number;
    dead: number;
    retrying: { ready: number }[];
  }[];
}

/** Short intervals, so that seconds contain as many probes as a day of outage. */
const ENV = { BREAKER_HALF_OPEN_AFTER: '10ms' };

/** Starts a fleet for outages, and stops it when all orders have ended. */
export async function withBreaker(
  options: RunOptions,
  work: (run: ChaosRun) => Promise<Expectations | void>,
): Promise<void> {
  await withFleet({ ...options, env: { ...ENV, ...options.env } }, async (run) => {
    await run.fleet.start();
    await run.customers.register();
    await settledForGood(run, (await work(run)) ?? {}, 120_000);
  });
}

/** The gateway is down for many probes, then recovers. */
export async function gatewayOutage(
  run: ChaosRun,
  options: Pick<RunOptions, 'say'> & { orders: number; probes: number },
): Promise<void> {
  const { fleet, customers } = run;
  await setOutage(fleet, 'gateway', true);
  const orders = [];
  for (let n = 0; n < options.orders; n += 1) orders.push(await customers.order('tok_ok', ['item_1']));

  const payment = fleet.processOf('payment');
  const opened = () => payment.said.split('Circuit breaker open').length - 1;
  await eventually('the breaker opens', () => opened() > 0);
  await eventually('/readyz tells the breaker', async () => {
    const response = await fetch(`${payment.url}/readyz`);
    return response.status === 503 && /payment.*breaker (open|half-open)/.test(await response.text());
  });
  await eventually('/metrics report the circuit breaker', async () => {
    const text = await (await fetch(`${payment.url}/metrics`)).text();
    return /breaker_state\{worker="payment"\} [12]/.test(text);
  });
  await eventually(`${options.probes} probes have failed`, () => opened() > options.probes);
  for (const { id } of orders) {
    const status = await customers.statusOf(id);
    if (status !== 'reserved') throw new Error(`order ${id} is ${status} while the gateway is down`);
  }
  // exits with 1, because a process with an open circuit breaker is not ready
  const report = await fleet.command('status', '--json').catch((error: { stdout: string }) => error.stdout);
  const { items } = JSON.parse(report) as Status;
  const status = items.find(({ worker }) => worker === 'payment');
  if (status === undefined) throw new Error('status does not list payment');
  const kept = status.ready + status.inFlight + status.retrying.reduce((sum, { ready }) => sum + ready, 0);
  options.say?.(`${opened()} times open; payment keeps ${kept} messages, breaker ${status.breaker}`);
  if (status.dead > 0) throw new Error(`${status.dead} dead letters of payment while the gateway is down`);

  await setOutage(fleet, 'gateway', false);
  await settled(run);
  for (const { id } of orders) {
    const status = await customers.statusOf(id);
    if (status !== 'shipped') throw new Error(`order ${id} is ${status} after the outage`);
  }
}

/** Places orders for which the gateway is always unavailable, among good, flaky and declined ones. Such orders use
 *  up their attempts only while other calls succeed, because otherwise the circuit breaker opens. At the end, the
 *  customers cancel these orders; or further orders are placed until they are stuck, and half of them are cancelled;
 *  or until their sagas with short time-outs abandon them. Resolves with the expected dead letters and time-outs. */
export async function tokensOfAllKinds(
  run: ChaosRun,
  options: Pick<RunOptions, 'say'> & { down: number; end: 'cancelled' | 'stuck' | 'given up' },
): Promise<Expectations> {
  const { customers } = run;
  const good = [];
  const flaky = [];
  const declined = [];
  const down = [];
  for (let n = 0; n < options.down; n += 1) {
    down.push(await customers.order('tok_down', ['item_1']));
    good.push(await customers.order('tok_ok', ['item_2']));
    if (n % 3 === 0) flaky.push(await customers.order('tok_flaky', ['item_3']));
    if (n % 3 === 1) declined.push(await customers.order('tok_declined', ['item_3']));
  }
  const become = (orders: { id: string }[], status: string) =>
    eventually(`all are ${status}`, async () => {
      const found = await Promise.all(orders.map(({ id }) => customers.statusOf(id)));
      return found.every((each) => each === status);
    });
  await become(good, 'shipped');
  await become(flaky, 'shipped');
  await become(declined, 'payment_failed');
  triedThrice(run, flaky);
  options.say?.('the good ones are shipped');
  if (options.end === 'cancelled') for (const each of down) await customers.cancel(each);
  else await untilAllAre(run, down, options.end === 'stuck' ? 'stuck' : 'payment_failed');
  if (options.end === 'stuck') for (const each of down.slice(down.length / 2)) await customers.cancel(each);
  return { mayBeDead: ({ code }: DeadLetter) => code === 'worker.unavailable', mayTimeOut: options.end === 'given up' };
}

/** Places further orders until all given ones have the status. */
async function untilAllAre({ customers }: ChaosRun, orders: readonly { id: string }[], wanted: string): Promise<void> {
  const look = async () => {
    await customers.order('tok_ok', ['item_1']);
    return (await Promise.all(orders.map(({ id }) => customers.statusOf(id)))).every((status) => status === wanted);
  };
  await customers.adjust('item_1', 10_000);
  await eventually(`all are ${wanted}`, look, { limit: 600_000, every: 500 });
}

/** The gateway rejects `tok_flaky` twice, then charges it, all under one key. */
function triedThrice({ fleet }: ChaosRun, orders: readonly { id: string }[]): void {
  const stores = new Stores(fleet.dataDir);
  try {
    const charges = stores.rows<{ orderId: string; attempts: number }>(
      'sandbox',
      `SELECT l.order_id AS orderId, r.attempts FROM ledger l JOIN requests r ON r.scope = 'charge' AND r.key = l.key`,
    );
    for (const { id } of orders) {
      const attempts = charges.find(({ orderId }) => orderId === id)?.attempts;
      if (attempts !== 3) throw new Error(`the flaky order ${id} was charged at attempt ${attempts}`);
    }
  } finally {
    stores.close();
  }
}
