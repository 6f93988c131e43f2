import { testBroker } from '../support/rabbitmq.js';
import { killAtRandom } from './scenarios/random-kills.js';
import { seedOf } from './support/random.js';

describe('kill -9 of any process under load', function () {
  this.timeout(240_000);
  const seed = seedOf(process.env.CHAOS_SEED);

  // `npm run chaos` kills in both modes
  const FULFILMENT = seed % 2 === 0 ? 'orchestrated' : 'choreographed';

  it(`completes every order confirmed with 201 once, ${FULFILMENT} (CHAOS_SEED=${seed})`, async () => {
    const broker = await testBroker();
    await killAtRandom({ ...broker, seed, env: { FULFILMENT }, orders: 30, kills: 4, pause: [200, 1500] });
  });
});
