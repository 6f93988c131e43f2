import { explore } from 'flotilla/simulation';
import { orderSimulation } from '../../testing/simulation/orders.js';

/** Thousands of simulated runs of the order platform, each with its own orders, latencies and faults; resolves with
 *  statistics. Rejects with the shortest failing run. */
export async function simulateOrders({ seed, say }: { seed: number; say: (line: string) => void }): Promise<string> {
  const plans = [
    { name: 'orchestrated', simulation: orderSimulation('orchestrated'), runs: 6_000, maxFaults: 8 },
    { name: 'choreographed', simulation: orderSimulation('choreographed'), runs: 3_000, maxFaults: 8 },
    { name: 'both', simulation: orderSimulation('orchestrated', 'choreographed'), runs: 3_000, maxFaults: 12 },
  ];
  let all = 0;
  let happened = 0;
  for (const { name, simulation, runs, maxFaults } of plans) {
    const began = performance.now();
    const { faults } = await explore(simulation, { runs, seed, maxFaults });
    const minutes = (performance.now() - began) / 60_000;
    say(`${name}: ${runs} runs, ${faults} faults, ${Math.round(runs / minutes)} runs a minute`);
    all += runs;
    happened += faults;
  }
  return `${all} runs, ${happened} faults`;
}
