import { formatDuration } from '../../duration.js';
import { actionOf } from '../definition/definition.js';
import { isAwaiting, needsCompensation } from './situation.js';
import { stepState, type SagaEvent, type SagaState } from './state.js';
import type { StepMessage, StepTrigger } from './trigger.js';
import type { SagaDefinition } from '../definition/types.js';

/** Why an attempt failed, and when the next one is due; undefined if there is none. */
export interface Failure {
  readonly cause: Extract<SagaEvent, { type: 'saga.step_failed' }>['data']['cause'];
  readonly reason: string;
  /** RFC 3339. */
  readonly retryAt: string | undefined;
}

const causes: Readonly<Partial<Record<StepTrigger, Failure['cause']>>> = {
  refused: 'answer',
  not_compensated: 'answer',
  timeout: 'timeout',
  discarded: 'discarded',
};

/** The failure of the awaited attempt that a trigger reports; undefined if it reports none. `now` in milliseconds since
 *  the epoch. Throws `saga.unknown_step` for a step that is no longer declared. */
export function failureOf(
  definition: SagaDefinition,
  trigger: StepMessage,
  state: SagaState,
  now: number,
): Failure | undefined {
  const { step, direction } = trigger;
  const cause = causes[trigger.on];
  if (cause === undefined || !isAwaiting(state, trigger)) return undefined;
  const { timeout, retries, retryDelays } = actionOf(definition, step, direction);
  const reason =
    cause === 'timeout'
      ? `no answer within ${formatDuration(timeout)}`
      : (trigger.reason ?? trigger.message?.type ?? '');
  const isRetried = cause === 'timeout' || (cause === 'answer' && retries(reason));
  const isNeeded = direction === 'forward' || needsCompensation(definition, state, step);
  const { counted } = stepState(state, step)[direction];
  const delay = isRetried && isNeeded ? retryDelays[counted - 1] : undefined;
  return { cause, reason, retryAt: delay === undefined ? undefined : new Date(now + delay).toISOString() };
}
