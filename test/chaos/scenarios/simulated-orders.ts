import { explore } from 'flotilla/simulation';
import { journey, JOURNEY_FAULTS } from '../../sagas/support/journey.js';
import { orderedSimulation } from '../../testing/simulation/ordered.js';
import { orderSimulation } from '../../testing/simulation/orders.js';
import { statementSimulation } from '../../testing/simulation/statements.js';

const NAMES: Readonly<Record<string, string>> = {
  pipelined: 'ordered by subject, pipelined',
  moved: 'ordered by subject, with changes of the number of partitions',
};

/** Thousands of simulated runs of the order platform, of a saga whose services keep no history, and of ordered workers, each with
 *  its own input, latencies and faults. Resolves with statistics. Rejects with the shortest failing run. */
export async function simulateOrders({ seed, say }: { seed: number; say: (line: string) => void }): Promise<string> {
  const [saga, choreography] = [orderSimulation('orchestrated'), orderSimulation('choreographed')];
  const both = orderSimulation('orchestrated', 'choreographed');
  const plans = [
    { name: 'orchestrated', count: 6_000, start: (runs: number) => explore(saga, { runs, seed, maxFaults: 8 }) },
    {
      name: 'choreographed',
      count: 3_000,
      start: (runs: number) => explore(choreography, { runs, seed, maxFaults: 8 }),
    },
    { name: 'both', count: 3_000, start: (runs: number) => explore(both, { runs, seed, maxFaults: 12 }) },
    {
      name: 'services without history',
      count: 3_000,
      start: (runs: number) => explore(journey, { runs, seed, maxFaults: 8, kinds: JOURNEY_FAULTS }),
    },
    ...(['subject', 'pipelined', 'moved', 'total', 'sequence'] as const).map((by) => ({
      name: NAMES[by] ?? `ordered by ${by}`,
      count: 2_000,
      start: (runs: number) => explore(orderedSimulation(by), { runs, seed, maxFaults: 8 }),
    })),
    {
      name: 'account statements',
      count: 1_000,
      start: (runs: number) => explore(statementSimulation, { runs, seed, maxFaults: 8 }),
    },
  ];
  let all = 0;
  let happened = 0;
  for (const { name, count, start } of plans) {
    const began = performance.now();
    const { faults } = await start(count);
    const minutes = (performance.now() - began) / 60_000;
    say(`${name}: ${count} runs, ${faults} faults, ${Math.round(count / minutes)} runs a minute`);
    all += count;
    happened += faults;
  }
  return `${all} runs, ${happened} faults`;
}
