import { setTimeout as sleep } from 'node:timers/promises';
import { settledForGood, withFleet, type ChaosRun, type RunOptions } from '../support/chaos-run.js';
import type { PlacedOrder, Token } from '../support/customers.js';

export interface LoadOptions extends RunOptions {
  orders: number;
  kills: number;
  /** Milliseconds between two kills, at least and at most. */
  pause: readonly [number, number];
  /** Something beside the processes of the fleet that can be killed and brought back: the broker. */
  others?: Readonly<Record<string, { kill: () => Promise<void>; restart: () => Promise<void> }>>;
}

/** Long enough for whatever stands between a kill and the process that comes after it. */
export const PATIENT = { RETRY_DELAYS: '100ms,300ms,1s,4s,10s,20s' };

const TOKENS = [
  'tok_ok',
  'tok_ok',
  'tok_ok',
  'tok_ok',
  'tok_flaky',
  'tok_declined',
] as const satisfies readonly Token[];
const CUSTOMERS = 4;

/** Kills processes without any order while customers order and cancel, and starts each again; all sums hold after it.
 *  Gives what was killed how often. */
export async function killAtRandom(options: LoadOptions): Promise<Record<string, number>> {
  const killed: Record<string, number> = {};
  await withFleet({ ...options, env: { ...PATIENT, ...options.env } }, async (run) => {
    await run.fleet.start();
    const shopping = new AbortController();
    const load = order(run, options, shopping.signal);
    try {
      await Promise.all([load, killNowAndThen(run, options, killed)]);
    } finally {
      shopping.abort();
      await load.catch(() => undefined); // told already, if it was the first to fail
    }
    await settledForGood(run, {}, 120_000);
  });
  return killed;
}

/** Customers who order one after the other, each on their own, and move their money; a few change their mind. */
async function order({ customers, random }: ChaosRun, { orders }: LoadOptions, signal: AbortSignal): Promise<void> {
  for (const sku of ['item_1', 'item_2', 'item_3']) await customers.adjust(sku, orders * 4);
  await customers.register();
  let left = orders;
  const shop = async () => {
    const account = await customers.openAccount();
    while (left > 0 && !signal.aborted) {
      left -= 1;
      if (random.chance(0.1)) await customers.register();
      const placed: PlacedOrder = await customers.order(
        random.pick(TOKENS),
        random.chance(0.03) ? ['item_unknown'] : undefined,
      );
      if (random.chance(0.15)) await customers.cancel(placed);
      await customers.moveMoney(account);
      if (random.chance(0.1)) await customers.adjust('item_2', random.between(1, 9));
    }
  };
  await Promise.all(Array.from({ length: CUSTOMERS }, shop));
}

async function killNowAndThen({ fleet, random }: ChaosRun, options: LoadOptions, killed: Record<string, number>) {
  const { kills, pause, others = {}, say } = options;
  const targets = [...fleet.roles, ...Object.keys(others)] as [string, ...string[]];
  for (let n = 0; n < kills; n += 1) {
    await sleep(random.between(...pause));
    const target = random.pick(targets);
    const absence = random.between(0, 500);
    killed[target] = (killed[target] ?? 0) + 1;
    say?.(`kill -9 ${target}`);
    const other = others[target];
    if (other === undefined) {
      await fleet.process(target).kill();
      await sleep(absence);
      fleet.launch([target]);
    } else {
      await other.kill();
      await other.restart();
    }
  }
  await Promise.all(fleet.roles.map((role) => fleet.process(role).ready()));
}
