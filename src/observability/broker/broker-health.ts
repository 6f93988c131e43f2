import type { Management, ManagedNode, ManagedQueue } from '../../broker/rabbitmq/management/management.js';

/** A present or imminent problem of the broker as a whole. */
export interface BrokerFinding {
  /** `alarm`: every publisher of the cluster is blocked. `node`: a node is down. `partition`: nodes have separated, and do
   *  not join again. `leaders`: one node does most of the work. `queue`: a queue is unusable. */
  kind: 'alarm' | 'node' | 'partition' | 'leaders' | 'queue';
  detail: string;
}

export interface BrokerHealth {
  version: string;
  nodes: ManagedNode[];
  /** The number of leaders of the fleet's queues on each node, largest first. */
  leaders: { node: string; queues: number }[];
  findings: BrokerFinding[];
}

/** With fewer queues per node, leaders cannot be distributed evenly. */
const ENOUGH_QUEUES = 3;
const MAX_NAMED = 5;

/** Queries the management API; `queues`: those of the fleet. Rejects with `broker.management`. */
export async function brokerHealth(
  management: Pick<Management, 'overview' | 'nodes'>,
  queues: readonly ManagedQueue[],
): Promise<BrokerHealth> {
  const [{ version }, nodes] = await Promise.all([management.overview(), management.nodes()]);
  const leaders = leadersOf(queues);
  return { version, nodes, leaders, findings: [...nodeFindings(nodes), ...queueFindings(queues, nodes)] };
}

/** Alarms, nodes that are down, and partitions. */
export function nodeFindings(nodes: readonly ManagedNode[]): BrokerFinding[] {
  return nodes.flatMap(({ name, running, alarms, partitions }): BrokerFinding[] => [
    ...(running ? [] : [{ kind: 'node' as const, detail: `node ${name} is down` }]),
    ...(partitions.length === 0
      ? []
      : [
          {
            kind: 'partition' as const,
            detail:
              `a network partition has separated node ${name} from ${partitions.join(', ')}: ` +
              'restart the nodes of one side, which loses what only it has declared',
          },
        ]),
    ...alarms.map((alarm) => ({
      kind: 'alarm' as const,
      detail:
        `${alarm} alarm on ${name}: the broker blocks all publishers; ` +
        (alarm === 'disk' ? 'free disk space or lower disk_free_limit' : 'free memory, or drain queues'),
    })),
  ]);
}

type PlacedQueue = Pick<ManagedQueue, 'name' | 'type' | 'node' | 'down'>;

/** Unusable queues, and a concentration of leaders on one node. */
export function queueFindings(queues: readonly PlacedQueue[], nodes: readonly ManagedNode[]): BrokerFinding[] {
  const unusable = queues.filter(({ down }) => down).map(({ name }) => name);
  const named = unusable.slice(0, MAX_NAMED).join(', ');
  const more = unusable.length > MAX_NAMED ? `, and ${unusable.length - MAX_NAMED} more` : '';
  const concentrated = concentration(queues, nodes);
  return [
    ...(unusable.length === 0
      ? []
      : [{ kind: 'queue' as const, detail: `without a leader or a majority of their nodes: ${named}${more}` }]),
    ...(concentrated === undefined ? [] : [{ kind: 'leaders' as const, detail: concentrated }]),
  ];
}

/** Only in a cluster with several running nodes, one of which has at least twice its share of leaders. */
function concentration(queues: readonly PlacedQueue[], nodes: readonly ManagedNode[]): string | undefined {
  const running = nodes.filter((node) => node.running).length;
  const leaders = leadersOf(queues);
  const total = leaders.reduce((sum, each) => sum + each.queues, 0);
  const [first] = leaders;
  if (first === undefined || running < 2 || total < ENOUGH_QUEUES * running) return undefined;
  if (first.queues < (2 * total) / running) return undefined;
  return (
    `${first.queues} of ${total} queue leaders are on ${first.node}, one of ${running} running nodes: ` +
    'rabbitmq-queues rebalance all'
  );
}

function leadersOf(queues: readonly PlacedQueue[]): BrokerHealth['leaders'] {
  const counts = new Map<string, number>();
  for (const { node, type } of queues) {
    if (node !== '' && type !== 'classic') counts.set(node, (counts.get(node) ?? 0) + 1);
  }
  return [...counts].map(([node, count]) => ({ node, queues: count })).sort((a, b) => b.queues - a.queues);
}
