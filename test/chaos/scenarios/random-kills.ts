import { settledForGood, withFleet, type ChaosRun, type RunOptions } from '../support/chaos-run.js';
import type { PlacedOrder, Token } from '../support/customers.js';
import { killNowAndThen, PATIENT, type KillOptions } from '../support/kill-now-and-then.js';

export interface LoadOptions extends RunOptions, KillOptions {
  orders: number;
  say?: (line: string) => void;
}

const TOKENS = [
  'tok_ok',
  'tok_ok',
  'tok_ok',
  'tok_ok',
  'tok_flaky',
  'tok_declined',
] as const satisfies readonly Token[];
const CUSTOMERS = 4;

/** Kills random processes while customers place and cancel orders, and restarts them; afterwards all checks pass.
 *  Resolves with the number of kills by target. */
export async function killAtRandom(options: LoadOptions): Promise<Record<string, number>> {
  let killed: Record<string, number> = {};
  await withFleet({ ...options, env: { ...PATIENT, ...options.env } }, async (run) => {
    await run.fleet.start();
    const shopping = new AbortController();
    const load = order(run, options, shopping.signal);
    try {
      [, killed] = await Promise.all([load, killNowAndThen(run, options)]);
    } finally {
      shopping.abort();
      await load.catch(() => undefined); // already reported if it failed first
    }
    await settledForGood(run, {}, 120_000);
  });
  return killed;
}

/** Customers place orders one after another and move money, each independently; some cancel orders. */
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
