import type { EventEnvelope } from '../events/envelope.js';
import type { Logger } from '../telemetry/logger.js';
import type { SagaDefinition } from './types.js';

/** Says in the log that one of these sagas has failed, as its event comes back by the broker: what is told is committed,
 *  and whoever dies before it is told tells it later. */
export function alertOfFailure(sagas: readonly SagaDefinition[], event: EventEnvelope, logger: Logger): void {
  if (event.type !== 'saga.failed') return;
  const { saga, sagaId, step, reason } = event.data as { saga: string; sagaId: string; step: string; reason: string };
  if (!sagas.some(({ name }) => name === saga)) return;
  logger.error(`Saga ${saga}/${sagaId} failed: a person is needed`, { saga, sagaId, step, reason });
}
