import { killProjections } from './scenarios/killed-projection.js';
import { seedOf } from './support/random.js';

describe('kill -9 at each step of a projection and of its rebuild', function () {
  this.timeout(120_000);
  const seed = seedOf(process.env.CHAOS_SEED);

  it(`leaves a model that matches its events and a fresh rebuild (CHAOS_SEED=${seed})`, async () => {
    await killProjections({ seed, rounds: 1 });
  });
});
