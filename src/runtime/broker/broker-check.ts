import type { Broker } from '../../broker/broker.js';
import type { CheckResult } from '../../telemetry/health-server.js';

/** For /readyz: the connections to the broker, and why it takes no publishes. */
export function brokerCheck({ state, blockedBy }: Pick<Broker, 'state' | 'blockedBy'>): CheckResult {
  const detail = blockedBy === undefined ? state : `${state}: the broker takes no publishes (${blockedBy})`;
  return { ok: state === 'ready', detail };
}
