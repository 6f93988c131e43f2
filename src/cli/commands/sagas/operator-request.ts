import { originContext } from '../../../events/create.js';
import { advance } from '../../../sagas/advance.js';
import type { SagaProgress } from '../../../sagas/progress/progress.js';
import { readSagaProgress } from '../../../sagas/progress/read-progress.js';
import type { SagaInput } from '../../../sagas/decision/trigger.js';
import { operatorName } from '../../shared/session.js';
import type { FoundSaga } from './find-saga.js';

export type OperatorRequest = { kind: 'retry' } | { kind: 'compensate'; reason: string };

/** Records an operator's request in the saga's stream and resolves to its progress afterwards. Its worker publishes the
 *  commands that follow. Throws `saga.refused`. */
export async function applyRequest(
  { saga, sagaId, store, deriveId }: FoundSaga,
  request: OperatorRequest,
): Promise<SagaProgress> {
  const now = Date.now();
  const [first] = await store.read(`${saga.name}/${sagaId}`, 0, 1);
  const input: SagaInput = { ...request, sagaId, now, deriveId, who: operatorName() };
  await store.transaction((tx) =>
    advance(tx, saga, input, (subject) =>
      originContext({ source: store.service, subject, now, ...(first && { correlationId: first.correlationId }) }),
    ),
  );
  return readSagaProgress(store, saga, sagaId, now);
}

/** `travel/t1 is compensating: compensation of flight requested, attempt 2; answer expected by 2026-01-01T00:01:00.000Z.` */
export function outcomeLine({ saga, sagaId, status, waiting }: SagaProgress): string {
  const now = `${saga}/${sagaId} is ${status}`;
  if (waiting === null) return `${now}.`;
  const { step, direction, attempt, until } = waiting;
  const what = direction === 'back' ? `compensation of ${step}` : step;
  return `${now}: ${what} requested${attempt > 1 ? `, attempt ${attempt}` : ''}; answer expected by ${until}.`;
}
