import { expect } from 'chai';
import { explore } from 'flotilla/simulation';
import { orderSimulation } from './orders.js';

// each execution has a seed of its own; `npm run chaos` explores thousands of runs
describe('platform: fulfilment, simulated @slow', function () {
  this.timeout(240_000);

  it('by a saga is consistent under crashes, losses, delays, duplicates and cancellations', async () => {
    const { faults } = await explore(orderSimulation('orchestrated'), { runs: 20 });
    expect(faults).to.be.greaterThan(8);
  });

  it('by choreography is consistent under crashes, delays and duplicates', async () => {
    const { faults } = await explore(orderSimulation('choreographed'), { runs: 12 });
    expect(faults).to.be.greaterThan(2);
  });

  it('by both at the same time is consistent, and each order keeps its fulfilment mode', async () => {
    const { faults } = await explore(orderSimulation('orchestrated', 'choreographed'), { runs: 12, maxFaults: 10 });
    expect(faults).to.be.greaterThan(2);
  });
});
