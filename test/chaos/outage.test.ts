import { testBroker } from '../support/rabbitmq.js';
import { gatewayOutage, tokensOfAllKinds, withBreaker } from './scenarios/outage.js';
import { ROLES_TOGETHER } from './support/chaos-fleet.js';
import { seedOf } from './support/random.js';

describe('an unavailable payment gateway', function () {
  this.timeout(180_000);
  const seed = seedOf(process.env.CHAOS_SEED);

  it(`opens the circuit breaker and loses no payment; ten orders that always find it unavailable block no others (CHAOS_SEED=${seed})`, async () =>
    withBreaker({ ...(await testBroker()), roles: ROLES_TOGETHER, seed }, async (run) => {
      await gatewayOutage(run, { orders: 8, probes: 5 });
      return tokensOfAllKinds(run, { down: 10, end: 'cancelled' });
    }));
});
