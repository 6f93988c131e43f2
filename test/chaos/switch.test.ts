import { testBroker } from '../support/rabbitmq.js';
import { switchFulfilment } from './scenarios/switch.js';
import { ROLES_TOGETHER } from './support/chaos-fleet.js';
import { seedOf } from './support/random.js';

describe('a switch of FULFILMENT with orders in flight', function () {
  this.timeout(180_000);
  const seed = seedOf(process.env.CHAOS_SEED);

  it(`keeps the fulfilment mode of each order until it ends (CHAOS_SEED=${seed})`, async () =>
    switchFulfilment({ ...(await testBroker()), roles: ROLES_TOGETHER, seed, rounds: 2, orders: 3 }));
});
