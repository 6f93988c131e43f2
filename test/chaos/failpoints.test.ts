import { testBroker } from '../support/rabbitmq.js';
import { EACH_ONCE, killAtFailpoints } from './scenarios/failpoints.js';
import { seedOf } from './support/random.js';

describe('kill -9 at each failpoint', function () {
  this.timeout(180_000);
  const seed = seedOf(process.env.CHAOS_SEED);

  it(`loses no order and performs nothing twice (CHAOS_SEED=${seed})`, async () => {
    await killAtFailpoints({ ...(await testBroker()), seed, kills: EACH_ONCE, mustPass: true });
  });
});
