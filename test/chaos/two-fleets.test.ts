import { testBroker } from '../support/rabbitmq.js';
import { shareABroker } from './scenarios/two-fleets.js';
import { seedOf } from './support/random.js';

describe('two fleets with different prefixes', function () {
  this.timeout(180_000);
  const seed = seedOf(process.env.CHAOS_SEED);

  it(`share a broker without receiving messages of each other (CHAOS_SEED=${seed})`, async () =>
    shareABroker({ ...(await testBroker()), seed }, 5));
});
