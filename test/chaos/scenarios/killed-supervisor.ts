import { readFleetState } from '../../../src/supervisor/fleet-state.js';
import { adoptRabbitNode, endRabbitNode } from '../../../src/supervisor/broker/rabbitmq-node.js';
import { isRunning } from '../../../src/supervisor/process-identity.js';
import { silentLogger } from '../../../src/telemetry/logger.js';
import { ChaosFleet } from '../support/chaos-fleet.js';
import { checkSums } from '../support/check-sums.js';
import { Customers } from '../support/customers.js';
import { PATIENT } from '../support/kill-now-and-then.js';
import { randomFrom } from '../support/random.js';
import { workers } from '../support/stores.js';
import { eventually } from '../../support/eventually.js';

export interface SupervisorOptions {
  seed: number;
  rounds: number;
  orders: number;
  say: (line: string) => void;
}

/** The workers, the API, the keeper and the sandbox. */
const PROCESSES = workers.length + 3;

const KILLS = ['the supervisor', 'a process', 'the broker'] as const;

/** Runs `flotilla up` with its private broker. Repeatedly kills it, one of its processes, or its broker while orders
 *  are processed, and restarts `up` if it was killed. All orders complete as without kills. */
export async function killTheSupervisor({ seed, rounds, orders, say }: SupervisorOptions): Promise<void> {
  const random = randomFrom(seed);
  const fleet = await ChaosFleet.create({
    amqpUrl: '',
    managementUrl: '',
    prefix: 't-up-',
    roles: { up: ['up'] },
    env: { ...PATIENT, AMQP_URL: '', AMQP_MANAGEMENT_URL: '' },
  });
  const customers = new Customers(fleet.apiUrl, random);
  const holds = async (limit = 120_000) => {
    let wrong: string[] = [];
    const look = () => (wrong = checkSums(fleet.dataDir, customers.promised)).length === 0;
    await eventually('the sums hold', look, { limit, every: 200 }).catch((error: unknown) => {
      throw new Error(`${String(error)}\n- ${wrong.slice(0, 30).join('\n- ')}`);
    });
  };
  try {
    fleet.launch(['up']);
    await customers.register();
    for (const sku of ['item_1', 'item_2', 'item_3']) await customers.adjust(sku, 10_000);
    for (let round = 0; round < rounds; round += 1) {
      const shopping = (async () => {
        for (let n = 0; n < orders; n += 1) await customers.order(random.pick(['tok_ok', 'tok_flaky', 'tok_declined']));
      })();
      await eventually(
        'the supervisor has written down what runs',
        async () => (await stateOf(fleet))?.processes.length === PROCESSES,
      );
      const state = await stateOf(fleet);
      const target = random.pick(KILLS);
      if (target === 'the supervisor') {
        say(`kill -9 of up, with ${state?.processes.length ?? 0} processes`);
        await fleet.process('up').kill();
        fleet.launch(['up']);
      } else if (target === 'a process') {
        const process_ = state?.processes[random.between(0, PROCESSES - 1)];
        say(`kill -9 of ${process_?.name}`);
        if (process_ !== undefined) signal(process_.pid);
      } else {
        const pid = await brokerPid(fleet);
        say(`kill -9 of the private broker (${pid})`);
        signal(pid);
      }
      await shopping;
      await holds();
    }
    const before = await stateOf(fleet);
    await fleet.process('up').stop(60_000);
    for (const each of before?.processes ?? []) {
      if (await isRunning(each)) throw new Error(`${each.name} outlives up`);
    }
    if (checkSums(fleet.dataDir, customers.promised).length > 0) await holds(0);
  } catch (error) {
    throw new Error(`${String(error)}\nCHAOS_SEED=${seed}\n${fleet.warnings()}`, { cause: error });
  } finally {
    const left = (await stateOf(fleet))?.processes ?? [];
    await fleet.process('up').stop(60_000);
    for (const each of left) if (await isRunning(each)) signal(each.pid);
    await endRabbitNode(`${fleet.dataDir}/rabbitmq`);
    await fleet.remove({ broker: false });
  }
}

function stateOf(fleet: ChaosFleet) {
  return readFleetState(fleet.dataDir);
}

async function brokerPid(fleet: ChaosFleet): Promise<number> {
  const node = await adoptRabbitNode(`${fleet.dataDir}/rabbitmq`, { logger: silentLogger() });
  if (node === undefined) throw new Error('no private node runs');
  return node.pid;
}

function signal(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}
