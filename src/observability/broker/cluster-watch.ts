import { sleep } from '../../concurrency/sleep.js';
import type { Management } from '../../broker/rabbitmq/management/management.js';
import { messageOf } from '../../errors.js';
import type { Logger } from '../../telemetry/logger.js';
import type { CheckResult } from '../../telemetry/health-server.js';
import { nodeFindings, queueFindings, type BrokerFinding } from './broker-health.js';

const NODES_INTERVAL_MS = 15_000;
/** Of a single node, the connection already reports that it is down or blocks publishers. */
const NODE_INTERVAL_MS = 60_000;
/** Listing queues is expensive on a large broker, and leaders rarely move. */
const QUEUES_INTERVAL_MS = 5 * 60_000;

export interface ClusterWatch {
  /** Always ok: blocked publishers and an unreachable broker fail the check of the connection. */
  check(): CheckResult;
  /** Monitors until the signal aborts; never rejects. */
  run(signal: AbortSignal): Promise<void>;
}

/** Monitors the broker through its management API: alarms, nodes that are down, concentration of leaders. Logs each
 *  finding once when it appears and once when it ends. `prefix`: of the fleet's queues. */
export function createClusterWatch(
  management: Pick<Management, 'nodes' | 'queues'>,
  prefix: string,
  logger: Logger,
): ClusterWatch {
  let findings: BrokerFinding[] = [];
  let ofQueues: BrokerFinding[] = [];
  let queuesAt = -Infinity;
  let detail = 'not known yet';
  let interval = NODES_INTERVAL_MS;

  async function poll(): Promise<void> {
    const nodes = await management.nodes();
    interval = nodes.length === 1 ? NODE_INTERVAL_MS : NODES_INTERVAL_MS;
    if (nodes.length === 1) {
      ofQueues = [];
    } else if (performance.now() - queuesAt >= QUEUES_INTERVAL_MS) {
      ofQueues = queueFindings(await management.queues(prefix), nodes);
      queuesAt = performance.now();
    }
    const found = [...nodeFindings(nodes), ...ofQueues];
    for (const finding of difference(found, findings)) logger.warn(`Broker: ${finding.detail}`);
    for (const finding of difference(findings, found)) logger.warn(`Broker: resolved: ${finding.detail}`);
    findings = found;
    const count = nodes.length === 1 ? '1 node' : `${nodes.length} nodes`;
    detail = found.length === 0 ? `${count}, no alarms` : found.map((finding) => finding.detail).join('; ');
  }

  return {
    check: () => ({ ok: true, detail }),
    async run(signal) {
      while (!signal.aborted) {
        await poll().catch((error: unknown) => (detail = `unknown: ${messageOf(error)}`));
        await sleep(interval, signal);
      }
    },
  };
}

/** The findings of `some` that are not in `others`. */
function difference(some: readonly BrokerFinding[], others: readonly BrokerFinding[]): BrokerFinding[] {
  return some.filter(({ detail }) => others.every((other) => other.detail !== detail));
}
