import { createManagement } from '../../../src/broker/rabbitmq/management/management.js';
import { rabbitmqctl, type RabbitNode } from '../../../src/supervisor/broker/rabbitmq-node.js';
import { ownNode } from '../../support/rabbitmq.js';
import { settled, settledForGood, withFleet, type RunOptions } from '../support/chaos-run.js';
import { freePorts } from '../support/ports.js';
import { eventually } from '../../support/eventually.js';

export interface BrokerDownOptions extends Pick<RunOptions, 'prefix' | 'roles' | 'seed' | 'say'> {
  /** Also stops the broker cleanly and restarts it, as an upgrade does. */
  thorough: boolean;
}

/** Starts a fleet before its broker was ever started, places orders, and starts the broker; then blocks the broker,
 *  places orders, and unblocks it. No process of the fleet is restarted. */
export async function orderWithoutBroker(options: BrokerDownOptions): Promise<void> {
  const [amqpPort = 0, managementPort = 0] = await freePorts(2);
  const urls = {
    amqpUrl: `amqp://guest:guest@127.0.0.1:${amqpPort}`,
    managementUrl: `http://guest:guest@127.0.0.1:${managementPort}`,
  };
  let own: Awaited<ReturnType<typeof ownNode>> | undefined;
  try {
    await withFleet({ ...options, ...urls, ownBroker: true }, async (run) => {
      const { fleet, customers, random } = run;
      const shuffled = fleet.roles.sort(() => random.next() - 0.5);
      options.say?.(`without a broker, started in the order ${shuffled.join(', ')}`);
      const pids = fleet.launch(shuffled).map(({ pid }) => pid);
      const orderAndSee = async (when: string) => {
        options.say?.(`orders ${when}`);
        for (const token of ['tok_ok', 'tok_declined', 'tok_ok'] as const) await customers.order(token);
        const { status, body } = await customers.request('GET', '/readyz');
        if (status !== 200) throw new Error(`the API is not ready ${when}: ${JSON.stringify(body)}`);
      };
      await Promise.all([fleet.process('api').ready(), fleet.process('sandbox').ready()]);
      await orderAndSee('before the broker was started');
      own = await ownNode({ amqpPort, managementPort });
      const { node } = own;
      if (node.amqpUrl !== urls.amqpUrl) throw new Error(`the broker listens at ${node.amqpUrl}`);
      await settled(run);

      const management = createManagement({ url: node.managementUrl });
      await setMemory(node, 'absolute', '1MB');
      await eventually('the broker says that it blocks', async () => (await management.alarms()).length > 0);
      await orderAndSee('while the broker blocks');
      await setMemory(node, '0.6');
      await settled(run);

      if (options.thorough) {
        await node.stop();
        await orderAndSee('while the broker is down');
        await node.restart();
        await settled(run);
      }
      if (fleet.roles.some((role) => !pids.includes(fleet.process(role).pid)))
        throw new Error('a process was restarted');

      if (options.thorough) {
        // events published without a confirm: the next processes must publish them again
        await setMemory(node, 'absolute', '1MB');
        await eventually('the broker says that it blocks', async () => (await management.alarms()).length > 0);
        await orderAndSee('while the broker blocks');
        options.say?.('kill -9 of everything but the outside world, then of the broker');
        const killed = fleet.roles.filter((role) => role !== 'sandbox');
        await Promise.all(killed.map((role) => fleet.process(role).kill()));
        await node.kill();
        fleet.launch(killed);
        await node.restart();
      }
      await settledForGood(run);
    });
  } finally {
    await own?.remove();
  }
}

/** A broker above its memory limit blocks publishers. */
function setMemory(node: RabbitNode, ...limit: string[]): Promise<string> {
  return rabbitmqctl(node, ['set_vm_memory_high_watermark', ...limit]);
}
