import { testBroker } from '../support/rabbitmq.js';
import { killAtRandom } from './scenarios/random-kills.js';
import { seedOf } from './support/random.js';

describe('kill -9 of any process under load', function () {
  this.timeout(240_000);
  const seed = seedOf(process.env.CHAOS_SEED);

  it(`finishes every order that was answered 201, once (CHAOS_SEED=${seed})`, async () => {
    await killAtRandom({ ...(await testBroker()), seed, orders: 60, kills: 8, pause: [200, 1500] });
  });
});
