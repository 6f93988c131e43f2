import { setTimeout as sleep } from 'node:timers/promises';
import { ROLES } from '../support/chaos-fleet.js';
import { settledForGood, withFleet, type ChaosRun, type RunOptions } from '../support/chaos-run.js';
import { UNDELIVERABLE, type Token, type Wishes } from '../support/customers.js';
import { killNowAndThen, type KillOptions } from '../support/kill-now-and-then.js';
import { setOutage } from '../support/outages.js';
import { readSagas, SAGAS, tallyOf, type SagaHistory } from '../support/sagas.js';
import { Stores } from '../support/stores.js';
import { eventually } from '../../support/eventually.js';

export interface SagaOptions extends RunOptions, KillOptions {
  orders: number;
  customers: number;
  /** The maximum outage of the gateway or the carrier, in milliseconds. */
  outage: number;
  tokens: readonly [Token, ...Token[]];
  say?: (line: string) => void;
}

/** Sagas time out before the retries of workers are exhausted. */
const ENV = {
  SAGA_TIMEOUT: '1500ms',
  SAGA_RETRY_DELAYS: '500ms',
  RETRY_DELAYS: '100ms,300ms,1s,2s,4s,8s',
  BREAKER_HALF_OPEN_AFTER: '100ms',
};

/** Shipping can be stopped while the earlier steps run. */
const ROLES_OF_SAGAS = { ...ROLES, doers: ['worker', 'inventory', 'payment'], shipping: ['worker', 'shipping'] };

export const ALL_TOKENS = [
  'tok_ok',
  'tok_ok',
  'tok_ok',
  'tok_ok',
  'tok_ok',
  'tok_flaky',
  'tok_flaky',
  'tok_declined',
  'tok_down',
  'tok_timeout',
  'tok_unheard_of',
] as const satisfies readonly Token[];

/** Results that must occur at least once; otherwise the run proves nothing. */
const MUST_HAVE_BEEN = ['timed out', 'retried', 'completed', 'compensated', 'could not be undone', 'resumed'];

/** Orders that fail in all possible ways, with outages of the gateway and the carrier, while processes are killed
 *  and sagas have short time-outs. Resolves with the number of saga results and of kills. */
export async function hurrySagas(
  options: SagaOptions,
): Promise<{ sagas: Record<string, number>; killed: Record<string, number> }> {
  let killed: Record<string, number> = {};
  let sagas: Record<string, number> = {};
  await withFleet({ roles: ROLES_OF_SAGAS, ...options, env: { ...ENV, ...options.env } }, async (run) => {
    const { fleet, customers } = run;
    await fleet.start();
    for (const sku of ['item_1', 'item_2']) await customers.adjust(sku, options.orders * 4);
    await customers.register();
    await completes(run);
    await answeredTooLate(run);
    await cannotBeUndone(run);
    const over = new AbortController();
    const load = order(run, options, over.signal);
    const weather = changeWeather(run, options, over.signal);
    try {
      [, killed] = await Promise.all([load, killNowAndThen(run, options)]);
    } finally {
      over.abort();
      await Promise.all([load.catch(() => undefined), weather]); // already reported if it failed first
    }
    await settledForGood(run, { mayTimeOut: true }, 240_000);
    sagas = tallyOf(sagasOf(run).values());
  });
  const never = MUST_HAVE_BEEN.filter((what) => sagas[what] === undefined);
  if ((sagas.late ?? 0) + (sagas.late_refusal ?? 0) === 0) never.push('late');
  if (never.length > 0) throw new Error(`never: ${never.join(', ')}, of ${JSON.stringify(sagas)}`);
  return { sagas, killed };
}

/** Without failures, a saga completes. A busy machine may exceed the time-out of a step: then another order is
 *  tried. */
async function completes(run: ChaosRun): Promise<void> {
  await eventually('a saga completes', async () => {
    const { id } = await run.customers.order('tok_ok', ['item_1']);
    const status = () => sagasOf(run).get(id)?.state.status;
    await eventually('it ends', () => ['completed', 'compensated'].includes(status() ?? ''));
    return status() === 'completed';
  });
}

/** Shipping restarts after the saga has abandoned the step, and executes all of its commands. */
async function answeredTooLate(run: ChaosRun): Promise<void> {
  const { fleet, customers } = run;
  await fleet.process('shipping').kill();
  const { id } = await customers.order('tok_ok', ['item_1']);
  await eventually('the saga gives up', () =>
    sagasOf(run)
      .get(id)
      ?.events.some(({ type }) => type === 'saga.compensating'),
  );
  await fleet.start(['shipping']);
}

/** Cancels a paid order while the gateway is down: the failed compensation is visible until the gateway recovers. */
async function cannotBeUndone(run: ChaosRun): Promise<void> {
  const { fleet, customers } = run;
  await setOutage(fleet, 'carrier', true);
  const order = await customers.order('tok_ok', ['item_2']);
  await eventually('it is paid', async () => (await customers.statusOf(order.id)) === 'paid', { every: 10 });
  await setOutage(fleet, 'gateway', true);
  await customers.cancel(order);
  await setOutage(fleet, 'carrier', false);
  const statusOfSaga = () => sagasOf(run).get(order.id)?.state.status;
  await eventually('the saga has failed', () => statusOfSaga() === 'failed');
  await eventually('the order shows it', async () => (await customers.statusOf(order.id)) === 'stuck');
  await setOutage(fleet, 'gateway', false);
  await eventually('it is undone', () => statusOfSaga() === 'compensated');
}

/** Customers place orders one after another, each independently, and cancel some of them later. */
async function order({ customers, random }: ChaosRun, options: SagaOptions, signal: AbortSignal): Promise<void> {
  let left = options.orders;
  const cancellations: Promise<void>[] = [];
  const wishes = (): [skus?: string[], wishes?: Wishes] => {
    if (random.chance(0.03)) return [['item_unknown']];
    if (random.chance(0.12)) return [['item_3'], { quantity: random.between(20, 60) }]; // of 75
    return [undefined, random.chance(0.1) ? { postalCode: UNDELIVERABLE } : {}];
  };
  const shop = async () => {
    while (left > 0 && !signal.aborted) {
      left -= 1;
      const placed = await customers.order(random.pick(options.tokens), ...wishes());
      const later = random.between(0, 4000);
      if (random.chance(0.25)) cancellations.push(sleep(later).then(() => customers.cancel(placed)));
      await sleep(random.between(0, 200));
    }
  };
  await Promise.all(Array.from({ length: options.customers }, shop));
  await Promise.all(cancellations);
}

/** Takes the gateway and the carrier down and up again; both are up at the end. */
async function changeWeather({ fleet, random }: ChaosRun, { outage, say }: SagaOptions, signal: AbortSignal) {
  const pause = (most: number) => sleep(random.between(200, most), undefined, { signal }).catch(() => undefined);
  while (!signal.aborted) {
    await pause(3000);
    const service = random.pick(['gateway', 'carrier'] as const);
    const length = random.between(100, outage);
    say?.(`no ${service} for ${length} ms`);
    await setOutage(fleet, service, true);
    await pause(length);
    await setOutage(fleet, service, false);
  }
}

function sagasOf({ fleet }: ChaosRun): Map<string, SagaHistory> {
  const stores = new Stores(fleet.dataDir);
  try {
    return readSagas(stores.events(SAGAS));
  } finally {
    stores.close();
  }
}
