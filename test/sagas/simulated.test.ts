import { expect } from 'chai';
import { explore } from 'flotilla/simulation';
import { journey, JOURNEY_FAULTS } from './support/journey.js';

describe('a saga with services that keep no history, simulated @slow', () => {
  it('leaves nothing behind under delays, duplicates and crashes', async function () {
    this.timeout(120_000);
    const explored = await explore(journey, { runs: 60, maxFaults: 8, kinds: JOURNEY_FAULTS });
    expect(explored.faults).to.be.greaterThan(60);
  });
});
