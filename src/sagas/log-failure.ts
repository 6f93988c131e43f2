import type { EventEnvelope } from '../events/envelope.js';
import type { Logger } from '../telemetry/logger.js';
import type { SagaDefinition } from './definition/types.js';

/** Logs the failure of a saga when its event is delivered: by then the failure is committed, and after a crash the
 *  redelivered event is logged again. */
export function logSagaFailure(sagas: readonly SagaDefinition[], event: EventEnvelope, logger: Logger): void {
  if (event.type !== 'saga.failed') return;
  const { saga, sagaId, step, reason } = event.data as { saga: string; sagaId: string; step: string; reason: string };
  if (!sagas.some(({ name }) => name === saga)) return;
  logger.error(`Saga ${saga}/${sagaId} failed: manual intervention required`, { saga, sagaId, step, reason });
}
