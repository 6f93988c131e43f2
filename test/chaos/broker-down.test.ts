import { orderWithoutBroker } from './scenarios/broker-down.js';
import { ROLES_TOGETHER } from './support/chaos-fleet.js';
import { seedOf } from './support/random.js';

describe('a fleet whose broker is down', function () {
  this.timeout(240_000);
  const seed = seedOf(process.env.CHAOS_SEED);

  it(`accepts orders while the broker is down or blocks, and processes them afterwards (CHAOS_SEED=${seed})`, () =>
    orderWithoutBroker({ prefix: 't-down-', roles: ROLES_TOGETHER, seed, thorough: false }));
});
