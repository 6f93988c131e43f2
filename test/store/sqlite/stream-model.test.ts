import { raceWriters } from '../../chaos/scenarios/racing-writers.js';
import { seed } from '../../support/seed.js';

describe('a SQLite store and a model of its streams', function () {
  this.timeout(60_000);

  it(`has what was acknowledged, and conflicts exactly where they are due, over several processes (TEST_SEED=${seed})`, () =>
    raceWriters({ seed, runs: 120 }));
});
