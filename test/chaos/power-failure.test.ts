import { testBroker } from '../support/rabbitmq.js';
import { cutPower } from './scenarios/power-failure.js';
import { ROLES_TOGETHER } from './support/chaos-fleet.js';
import { seedOf } from './support/random.js';

describe('a power failure that loses all unsynced data', function () {
  this.timeout(300_000);
  const seed = seedOf(process.env.CHAOS_SEED);

  it(`loses nothing that was answered, acknowledged or published (CHAOS_SEED=${seed})`, async function () {
    if (process.platform !== 'linux') this.skip();
    await cutPower({
      ...(await testBroker()),
      roles: ROLES_TOGETHER,
      seed,
      cuts: 1,
      pause: [2000, 4000],
      syncTime: 250,
      maxOrders: 40,
    });
  });
});
