import { testBroker } from '../support/rabbitmq.js';
import { gatewayOutage, tokensOfAllKinds } from './scenarios/outage.js';
import { seedOf } from './support/random.js';

describe('a payment gateway that is not there', function () {
  this.timeout(180_000);
  const seed = seedOf(process.env.CHAOS_SEED);

  it(`opens the breaker, keeps every payment, and finishes all orders when it is back (CHAOS_SEED=${seed})`, async () =>
    gatewayOutage({ ...(await testBroker()), seed, orders: 8, probes: 5 }));

  it(`does not stop good orders for the sake of ten that it is never there for (CHAOS_SEED=${seed})`, async () =>
    tokensOfAllKinds({ ...(await testBroker()), seed, down: 10, end: 'cancelled' }));
});
