import { ROLES_TOGETHER } from '../support/chaos-fleet.js';
import { settledForGood, withFleet, type RunOptions } from '../support/chaos-run.js';

/** Two concurrent fleets on one broker, the name of one being a prefix of the other's. The totals of each contain no
 *  event, charge or mail of the other. */
export async function shareABroker(options: RunOptions, orders: number): Promise<void> {
  const first = { ...options, roles: ROLES_TOGETHER };
  const second = { ...first, prefix: `${options.prefix}b-`, seed: options.seed + 1 };
  // the second fleet ends first, because the cleanup of the first matches its names, too
  await withFleet(first, async (one) =>
    withFleet(second, async (other) => {
      await Promise.all([one.fleet.start(), other.fleet.start()]);
      await Promise.all(
        [one, other].map(async ({ customers }) => {
          await customers.register();
          for (let n = 0; n < orders; n += 1) await customers.order(n % 3 === 2 ? 'tok_declined' : 'tok_ok');
        }),
      );
      await Promise.all([settledForGood(one), settledForGood(other)]);
    }),
  );
}
