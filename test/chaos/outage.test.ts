import { testBroker } from '../support/rabbitmq.js';
import { gatewayOutage, tokensOfAllKinds } from './scenarios/outage.js';
import { seedOf } from './support/random.js';

describe('an unavailable payment gateway', function () {
  this.timeout(180_000);
  const seed = seedOf(process.env.CHAOS_SEED);

  it(`opens the circuit breaker, and loses no payment (CHAOS_SEED=${seed})`, async () =>
    gatewayOutage({ ...(await testBroker()), seed, orders: 8, probes: 5 }));

  it(`does not block other orders while ten orders always find it unavailable (CHAOS_SEED=${seed})`, async () =>
    tokensOfAllKinds({ ...(await testBroker()), seed, down: 10, end: 'cancelled' }));
});
