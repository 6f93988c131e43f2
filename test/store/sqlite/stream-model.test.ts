import { raceWriters } from '../../chaos/scenarios/racing-writers.js';
import { seed } from '../../support/seed.js';

describe('a SQLite store compared with a model', function () {
  this.timeout(60_000);

  it(`has all acknowledged events, and conflicts only as expected, with several processes (TEST_SEED=${seed})`, () =>
    raceWriters({ seed, runs: 120 }));
});
