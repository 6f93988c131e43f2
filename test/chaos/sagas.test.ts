import { testBroker } from '../support/rabbitmq.js';
import { hurrySagas } from './scenarios/sagas.js';
import { seedOf } from './support/random.js';

describe('sagas with short time-outs, under kill -9 and outages', function () {
  this.timeout(300_000);
  const seed = seedOf(process.env.CHAOS_SEED);

  it(`end as their orders do, each completed or compensated despite late answers (CHAOS_SEED=${seed})`, async () => {
    await hurrySagas({
      ...(await testBroker()),
      seed,
      orders: 30,
      customers: 4,
      kills: 4,
      pause: [100, 700],
      absence: [0, 1500],
      outage: 3000,
      tokens: ['tok_ok', 'tok_ok', 'tok_ok', 'tok_flaky', 'tok_declined', 'tok_down', 'tok_unheard_of'],
    });
  });
});
