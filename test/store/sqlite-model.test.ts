import { raceWriters } from '../chaos/scenarios/racing-writers.js';
import { seedOf } from '../chaos/support/random.js';

describe('a SQLite store and a model of its streams', function () {
  this.timeout(60_000);
  const seed = seedOf(process.env.CHAOS_SEED);

  it(`has what was acknowledged, and conflicts exactly where they are due, over several processes (CHAOS_SEED=${seed})`, () =>
    raceWriters({ seed, runs: 120 }));
});
