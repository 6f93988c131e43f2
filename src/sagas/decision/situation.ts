import { isUncompensated, stepState, type SagaState, type SagaStatus, type StepState } from './state.js';
import type { StepMessage } from './trigger.js';
import type { Direction, SagaDefinition } from '../definition/types.js';

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
  /** The retry policy allows another attempt after this failure. */
  readonly canRetry: boolean;
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

export function stepSituation(
  definition: SagaDefinition,
  state: SagaState,
  trigger: StepMessage,
  canRetry: boolean,
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
    canRetry,
    isCurrent: isAwaiting(state, trigger),
    isKnownExecution: compensated === 'no' || causationId === undefined || executedBy.includes(causationId),
    isOutdated: causationId !== undefined && back.commands.slice(0, outdated).includes(causationId),
  };
}

/** Whether a saga waits for this trigger: an answer to any attempt, but only the timer of the latest one. */
export function isAwaiting({ waiting }: SagaState, { step, direction, attempt, timer }: StepMessage): boolean {
  if (waiting?.step !== step || waiting.direction !== direction) return false;
  return attempt === undefined || (waiting.attempt === attempt && waiting.timer === timer);
}

function isCompensable({ steps }: SagaDefinition, step: string): boolean {
  return steps.some(({ name, compensate }) => name === step && compensate !== undefined);
}

export function needsCompensation(definition: SagaDefinition, state: SagaState, step: string): boolean {
  return isCompensable(definition, step) && isUncompensated(stepState(state, step));
}
