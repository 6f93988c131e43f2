import { connect } from 'amqplib';
import { createManagement } from '../../../src/broker/rabbitmq/management/management.js';
import { ChaosFleet, type ChaosFleetOptions } from './chaos-fleet.js';
import { checkSums } from './check-sums.js';
import { resultsIn, type Expectations } from './world.js';
import { Customers } from './customers.js';
import { randomFrom, type Random } from './random.js';
import { workers } from './stores.js';
import { eventually } from '../../support/eventually.js';

export interface ChaosRun {
  fleet: ChaosFleet;
  customers: Customers;
  random: Random;
}

export interface RunOptions extends ChaosFleetOptions {
  seed: number;
  /** Prints progress. */
  say?: (line: string) => void;
  /** The broker is removed with the fleet, so its queues need no cleanup. */
  ownBroker?: boolean;
}

/** Runs `work` on a fleet that is not started yet. In all cases, removes its processes, files and queues. A
 *  rejection includes the seed and the warnings of the processes. */
export async function withFleet(options: RunOptions, work: (run: ChaosRun) => Promise<void>): Promise<void> {
  const fleet = await ChaosFleet.create(options);
  const random = randomFrom(options.seed);
  try {
    await work({ fleet, customers: new Customers(fleet.apiUrl, random), random });
  } catch (error) {
    const warnings = fleet.warnings();
    throw new Error(`${String(error)}\nCHAOS_SEED=${options.seed}\n${warnings}`, { cause: error });
  } finally {
    await fleet.remove({ broker: options.ownBroker !== true });
  }
}

/** Resolves when all promises of the API are fulfilled. Rejects with the remaining errors at the limit. */
export async function settled(
  { fleet, customers }: ChaosRun,
  expected: Expectations = {},
  limit = 60_000,
): Promise<void> {
  let wrong: string[] = [];
  const look = () => {
    wrong = checkSums(fleet.dataDir, customers.promised, expected);
    return wrong.length === 0;
  };
  await eventually('the sums hold', look, { limit, every: 500 }).catch((error: unknown) => {
    throw new Error(`${String(error)}\n- ${wrong.slice(0, 40).join('\n- ')}${wrong.length > 40 ? '\n…' : ''}`);
  });
}

/** Like `settled`; afterwards every queue is empty, every process stops cleanly, and the checks still pass. */
export async function settledForGood(run: ChaosRun, expected: Expectations = {}, limit = 60_000): Promise<void> {
  const { fleet, customers } = run;
  await settled(run, expected, limit);
  const results = resultsIn(fleet.dataDir);
  await settled(run, { ...expected, results }, limit);
  await eventually('the queues are empty', async () => (await waiting(fleet)).length === 0).catch(
    async (error: unknown) => {
      throw new Error(`${String(error)}: ${(await waiting(fleet)).join(', ')}`);
    },
  );
  const late = await fleet.stop();
  const left = await waiting(fleet);
  const wrong = [
    ...late.map((role) => `${role} did not end in good order`),
    ...left.map((queue) => `left behind: ${queue}`),
    ...checkSums(fleet.dataDir, customers.promised, { ...expected, results }),
  ];
  if (wrong.length > 0) throw new Error(`after the end:\n- ${wrong.join('\n- ')}`);
}

/** The queues with waiting messages, and their counts. The mark of an ordered worker stays in its queue. */
async function waiting({ names, options: { amqpUrl, managementUrl, prefix } }: ChaosFleet): Promise<string[]> {
  const queues = (await createManagement({ url: managementUrl }).queues(prefix))
    .filter(({ name }) =>
      workers.some((worker) => name === names.queue(worker.name) || name.startsWith(`${names.queue(worker.name)}.`)),
    )
    .filter(({ name }) => !workers.some((worker) => name === names.mark(worker.name)));
  const connection = await connect(amqpUrl.split(',')[0] ?? '');
  try {
    const channel = await connection.createChannel();
    const found: string[] = [];
    for (const { name } of queues) {
      const { messageCount } = await channel.checkQueue(name);
      if (messageCount > 0) found.push(`${name}: ${messageCount}`);
    }
    return found;
  } finally {
    await connection.close();
  }
}
