import { settledForGood, withFleet, type RunOptions } from '../support/chaos-run.js';
import { workers } from '../support/stores.js';

/** Fewer processes: what is looked at is the broker. */
const ROLES = {
  api: ['api'],
  sandbox: ['sandbox'],
  keeper: ['keeper'],
  workers: ['worker', ...workers.map(({ name }) => name)],
} as const;

/** Two fleets in one broker, the name of one being the beginning of the other's, both at work at once. Each ends with
 *  sums that count nothing of the other's: no event, no charge, no mail. */
export async function shareABroker(options: RunOptions, orders: number): Promise<void> {
  const first = { ...options, roles: ROLES };
  const second = { ...first, prefix: `${options.prefix}b-`, seed: options.seed + 1 };
  // the second ends first, as what the first removes begins with its name too
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
