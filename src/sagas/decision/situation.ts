import { formatDuration } from '../../duration.js';
import { actionOf } from '../definition/definition.js';
import {
  isUncompensated,
  stepState,
  type SagaEvent,
  type SagaState,
  type SagaStatus,
  type StepState,
} from './state.js';
import type { StepMessage, StepTrigger } from './trigger.js';
import type { Direction, SagaDefinition } from '../definition/types.js';

/** Why an attempt failed, and when the next one is due; undefined if there is none. */
export interface Failure {
  readonly cause: Extract<SagaEvent, { type: 'saga.step_failed' }>['data']['cause'];
  readonly reason: string;
  /** RFC 3339. */
  readonly retryAt: string | undefined;
}

/** The facts on which a saga decides. */
export interface SagaSituation {
  readonly status: SagaStatus;
  /** The saga waits for an answer or for the time of the next attempt. */
  readonly isWaiting: boolean;
  /** The saga was cancelled before it started. */
  readonly isCancelledEarly: boolean;
}

/** The facts on which a saga decides about one of its steps. */
export interface StepSituation extends SagaSituation {
  readonly executed: StepState['executed'];
  readonly compensated: StepState['compensated'];
  /** The action of this step whose answer or next attempt the saga waits for. */
  readonly awaited: Direction | undefined;
  /** The saga has failed to compensate this step. */
  readonly isFailedStep: boolean;
  /** The step declares a compensation. */
  readonly isCompensable: boolean;
  /** The step declares a compensation, has taken effect or may have, and is not compensated. */
  readonly needsCompensation: boolean;
  /** The failure of the awaited attempt that the trigger reports. */
  readonly failure: Failure | undefined;
  /** The timer or the dead-letter notice belongs to the awaited attempt. */
  readonly isCurrent: boolean;
  /** The answer reports an execution that is already recorded. A different command may be executed after the
   *  compensation; it need not be one that the saga sent, because an edited dead letter is sent under another id. */
  readonly isKnownExecution: boolean;
  /** The answer belongs to a compensation command from before the step was known to be executed. */
  readonly isOutdated: boolean;
}

export function sagaSituation({ status, waiting, earlyCancellation }: SagaState): SagaSituation {
  return { status, isWaiting: waiting !== undefined, isCancelledEarly: earlyCancellation !== undefined };
}

/** `now` in milliseconds since the epoch. Throws `saga.unknown_step` for a step that is no longer declared. */
export function stepSituation(
  definition: SagaDefinition,
  state: SagaState,
  trigger: StepMessage,
  now: number,
): StepSituation {
  const { step, causationId } = trigger;
  const { waiting, failedStep } = state;
  const { executed, compensated, executedBy, back, outdated } = stepState(state, step);
  return {
    ...sagaSituation(state),
    executed,
    compensated,
    awaited: waiting?.step === step ? waiting.direction : undefined,
    isFailedStep: failedStep === step,
    isCompensable: isCompensable(definition, step),
    needsCompensation: needsCompensation(definition, state, step),
    failure: failureOf(definition, trigger, state, now),
    isCurrent: isAwaiting(state, trigger),
    isKnownExecution: compensated === 'no' || causationId === undefined || executedBy.includes(causationId),
    isOutdated: causationId !== undefined && back.commands.slice(0, outdated).includes(causationId),
  };
}

const causes: Readonly<Partial<Record<StepTrigger, Failure['cause']>>> = {
  refused: 'answer',
  not_compensated: 'answer',
  timeout: 'timeout',
  discarded: 'discarded',
};

/** The failure of the awaited attempt that a trigger reports; undefined if it reports none.  */
function failureOf(
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

/** Whether a saga waits for this trigger: an answer to any attempt, but only the timer of the latest one. */
function isAwaiting({ waiting }: SagaState, { step, direction, attempt, timer }: StepMessage): boolean {
  if (waiting?.step !== step || waiting.direction !== direction) return false;
  return attempt === undefined || (waiting.attempt === attempt && waiting.timer === timer);
}

function isCompensable({ steps }: SagaDefinition, step: string): boolean {
  return steps.some(({ name, compensate }) => name === step && compensate !== undefined);
}

export function needsCompensation(definition: SagaDefinition, state: SagaState, step: string): boolean {
  return isCompensable(definition, step) && isUncompensated(stepState(state, step));
}
