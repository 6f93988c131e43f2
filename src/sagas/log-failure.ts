import type { EventEnvelope } from '../events/envelope.js';
import type { Logger } from '../telemetry/logger.js';
import type { SagaDefinition } from './definition/types.js';

/** Logs that one of these sagas has failed, when its event is delivered: the failure is committed by then, and after a crash
 *  it is logged when the event is delivered again. */
export function logSagaFailure(sagas: readonly SagaDefinition[], event: EventEnvelope, logger: Logger): void {
  if (event.type !== 'saga.failed') return;
  const { saga, sagaId, step, reason } = event.data as { saga: string; sagaId: string; step: string; reason: string };
  if (!sagas.some(({ name }) => name === saga)) return;
  logger.error(`Saga ${saga}/${sagaId} failed: manual intervention required`, { saga, sagaId, step, reason });
}
