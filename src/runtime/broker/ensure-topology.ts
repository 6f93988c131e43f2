import type { Broker } from '../../broker/broker.js';
import type { Topology } from '../../broker/topology/topology.js';
import { hasCode } from '../../errors.js';
import { Backoff } from '../../concurrency/backoff.js';
import { sleep } from '../../concurrency/sleep.js';
import { FaultLog } from '../../telemetry/fault-log.js';
import type { Logger } from '../../telemetry/logger.js';

/** Applies a topology, and retries while a part of it cannot be declared. Rejects as `applyTopology` does otherwise. */
export async function ensureTopology(
  broker: Pick<Broker, 'applyTopology'>,
  topology: Topology,
  { logger, signal }: { logger: Logger; signal: AbortSignal },
): Promise<void> {
  const backoff = new Backoff(1000, 30_000);
  const fault = new FaultLog(logger, 'error');
  for (;;) {
    try {
      await broker.applyTopology(topology, signal);
      fault.recovered('all of the topology is declared');
      return;
    } catch (error) {
      if (!hasCode(error, 'broker.topology_incomplete') || signal.aborted) throw error;
      fault.failed('cannot declare all of the topology; retrying', { error: error.message });
      await sleep(backoff.next(), signal);
    }
  }
}
