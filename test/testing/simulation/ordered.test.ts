import { expect } from 'chai';
import { explore } from 'flotilla/simulation';
import { orderedSimulation } from './ordered.js';
import { statementSimulation } from './statements.js';

// each execution has a seed of its own; `npm run chaos` explores thousands of runs
describe('ordered workers, simulated @slow', function () {
  this.timeout(120_000);

  it("by 'subject' handle each event once and in order under crashes, losses, delays and duplicates", async () => {
    const { faults } = await explore(orderedSimulation('subject'), { runs: 15 });
    expect(faults).to.be.greaterThan(3);
  });

  it("by 'subject' as well, if they are pipelined and effects are rolled back", async () => {
    const { faults } = await explore(orderedSimulation('pipelined'), { runs: 15 });
    expect(faults).to.be.greaterThan(3);
  });

  it("by 'subject' as well, while the number of partitions changes and its command is killed", async () => {
    const { faults } = await explore(orderedSimulation('moved'), { runs: 15 });
    expect(faults).to.be.greaterThan(3);
  });

  it("by 'total' as well", async () => {
    const { faults } = await explore(orderedSimulation('total'), { runs: 15 });
    expect(faults).to.be.greaterThan(6);
  });

  it("by 'sequence' also if events arrive in another order, and a missing one holds its subject alone", async () => {
    const { faults } = await explore(orderedSimulation('sequence'), { runs: 15 });
    expect(faults).to.be.greaterThan(3);
  });

  it('write account statements in the order of the events', async () => {
    const { faults } = await explore(statementSimulation, { runs: 15 });
    expect(faults).to.be.greaterThan(6);
  });

  it('without an order are found, by two events and at most one fault', async () => {
    const error: unknown = await explore(orderedSimulation('none'), { seed: 7, maxFaults: 1 }).catch(
      (thrown: unknown) => thrown,
    );
    const [, faults, input] = /faults: (\[.*?\]),\s+input: (\[.*?\])\s/s.exec(String(error)) ?? [];
    expect(String(error)).to.match(/expected \[ 2, 1 \] to deeply equal \[ 1, 2 \]/);
    expect(input?.match(/kind/g), String(error)).to.have.lengthOf(2);
    expect(faults?.match(/kind/g) ?? []).to.have.lengthOf.at.most(1);
  });
});
