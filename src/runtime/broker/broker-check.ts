import type { Broker } from '../../broker/broker.js';
import type { ConnectFailure } from '../../broker/rabbitmq/connection/connect-failure.js';
import { FlotillaError, withRemedy } from '../../errors.js';
import type { CheckResult } from '../../telemetry/health-server.js';

/** For /readyz: the connections to the broker, why there is none and what to do, and why the broker blocks
 *  or refuses publishes. */
export function brokerCheck(
  { state, blockedBy, publishRefusal }: Pick<Broker, 'state' | 'blockedBy' | 'publishRefusal'>,
  failure: ConnectFailure | undefined,
): CheckResult {
  if (blockedBy !== undefined) return { ok: false, detail: `${state}: the broker blocks publishers (${blockedBy})` };
  if (state === 'ready' && publishRefusal !== undefined) {
    const detail = `${state}: publishes fail: ${publishRefusal.code}: ${withRemedy(publishRefusal)}`;
    return { ok: false, detail };
  }
  const cause =
    state === 'connecting' && failure !== undefined
      ? `: ${failure.code}: ${withRemedy(new FlotillaError(failure.code, failure.detail))}`
      : '';
  return { ok: state === 'ready', detail: `${state}${cause}` };
}
