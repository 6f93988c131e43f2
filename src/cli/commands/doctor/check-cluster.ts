import type { ManagedQueue } from '../../../broker/rabbitmq/management/management.js';
import { namesFor } from '../../../broker/topology/topology.js';
import { formatDuration } from '../../../duration.js';
import { messageOf } from '../../../errors.js';
import { brokerHealth, type BrokerHealth } from '../../../observability/broker/broker-health.js';
import { disconnectedTimeout, shortConsumerTimeouts } from '../../../observability/broker/queue-timeouts.js';
import { holdsDeliveriesOfLostNodes, versionFindings } from '../../../observability/broker/rabbitmq-versions.js';
import type { Context } from '../../shared/context.js';
import { enabledWorkers } from '../../../runtime/fleet/enabled-workers.js';
import { queuesOf } from '../../../worker/definition/queues.js';
import { longestTurn } from '../../../worker/ordering/partition-limits.js';
import { answeringManagement } from './check-management.js';
import type { Finding } from './finding.js';

/** Checks version, alarms, nodes, leaders and timeouts of the broker. */
export async function checkCluster(context: Context): Promise<Finding[]> {
  const names = namesFor(context.config.prefix);
  const management = await answeringManagement(context);
  if (management === undefined) return [];
  let queues: ManagedQueue[];
  let health: BrokerHealth;
  try {
    queues = await management.queues(names.queue(''));
    health = await brokerHealth(management, queues);
  } catch (error) {
    return [{ ok: true, warning: true, detail: `not checked: ${messageOf(error)}` }];
  }
  const { version, nodes, findings } = health;
  const workers = enabledWorkers(await context.fleet(), context.config);
  const kept = workers.map((worker) => ({ queues: queuesOf(worker), longest: longestTurn(worker) }));
  const hasOrdered = workers.some(({ ordering }) => ordering !== undefined);
  const problems = [
    ...versionFindings(version, { hasOrdered }).map(({ severity, detail }): Finding => ({
      ok: severity !== 'unusable',
      detail,
      warning: true,
    })),
    ...findings.map(({ kind, detail }): Finding => ({
      ok: kind === 'leaders' || kind === 'node',
      detail,
      warning: true,
    })),
    ...shortConsumerTimeouts(queues, kept, names).map((detail): Finding => ({ ok: true, detail, warning: true })),
  ];
  const lost =
    nodes.length > 1 && holdsDeliveriesOfLostNodes(version)
      ? `; deliveries of a node that is down stay with it for ${formatDuration(disconnectedTimeout(queues))} ` +
        '(policy consumer-disconnected-timeout)'
      : '';
  const count = nodes.length === 1 ? '1 node' : `${nodes.length} nodes`;
  const calm = problems.length === 0 ? ', no alarms' : '';
  return [{ ok: true, detail: `RabbitMQ ${version}, ${count}${calm}${lost}` }, ...problems];
}
