import { orderWithoutBroker } from './scenarios/broker-down.js';
import { seedOf } from './support/random.js';

describe('a fleet whose broker is not there', function () {
  this.timeout(240_000);
  const seed = seedOf(process.env.CHAOS_SEED);

  it(`takes orders before it starts and while it blocks, which flow when it is back (CHAOS_SEED=${seed})`, () =>
    orderWithoutBroker({ prefix: 't-down-', seed, thorough: false }));
});
