import { expect } from 'chai';
import { explore } from 'flotilla/simulation';
import { orderSimulation } from './orders.js';

describe('platform: fulfilment, simulated @slow', function () {
  this.timeout(240_000);

  it('by a saga adds up, whatever crashes, is lost, late or twice, whenever orders are placed and cancelled', async () => {
    const { faults } = await explore(orderSimulation('orchestrated'), { runs: 250 });
    expect(faults).to.be.greaterThan(150);
  });

  it('by choreography adds up, whatever crashes, comes late or twice', async () => {
    const { faults } = await explore(orderSimulation('choreographed'), { runs: 150 });
    expect(faults).to.be.greaterThan(75);
  });

  it('by both at once adds up, each order under what it began with', async () => {
    const { faults } = await explore(orderSimulation('orchestrated', 'choreographed'), { runs: 150, maxFaults: 10 });
    expect(faults).to.be.greaterThan(75);
  });
});
