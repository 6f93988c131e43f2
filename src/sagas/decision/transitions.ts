import type { SagaRule } from '../../events/saga-events.js';
import type { SagaSituation, StepSituation } from './situation.js';
import type { SagaEvent } from './state.js';
import type { SagaTrigger, StepTrigger } from './trigger.js';

export type CompensationCause = Extract<SagaEvent, { type: 'saga.compensating' }>['data']['cause'];

/** One event that a saga records. Its commands and its timer are derived from the events. */
export type Action =
  | 'start'
  | 'complete_step'
  | 'fail_step'
  | 'resume'
  | 'fail'
  /** Sends the command of the next step, or completes the saga. */
  | 'execute_next'
  /** Sends the compensation command of the last step that needs one, or ends the compensation. */
  | 'compensate_next'
  /** Sends the compensation command of this step again. */
  | 'compensate_again'
  /** Sends the awaited command again. */
  | 'repeat'
  | { readonly note: SagaRule }
  | { readonly compensate: CompensationCause }
  | { readonly reject: string };

/** The reaction of a saga to a situation; `text` describes the situation in the table of docs/reference/saga-transitions.md. */
interface Transition {
  readonly text: string;
  readonly actions: readonly Action[];
}

interface Conditional<Situation> extends Transition {
  readonly holds: (situation: Situation) => boolean;
}

interface Otherwise extends Transition {
  readonly holds?: undefined;
}

/** The first transition whose condition holds applies, otherwise the last one. */
export type Transitions<Situation> = readonly [...Conditional<Situation>[], Otherwise];

type Table<Trigger extends string, Situation> = Readonly<Record<Trigger, Transitions<Situation>>>;

function when<Situation>(
  text: string,
  holds: (situation: Situation) => boolean,
  ...actions: Action[]
): Conditional<Situation> {
  return { text, holds, actions };
}

function otherwise(text: string, ...actions: Action[]): Otherwise {
  return { text, actions };
}

/** Reactions to messages that concern a saga as a whole, and to requests of an operator. */
export const sagaTransitions: Table<SagaTrigger, SagaSituation> = {
  start: [
    when(
      'not started, and cancelled before',
      ({ status, isCancelledEarly }) => status === 'none' && isCancelledEarly,
      'start',
      { compensate: 'cancelled' },
      'compensate_next',
    ),
    when('not started', ({ status }) => status === 'none', 'start', 'execute_next'),
    otherwise('started before', { note: 'duplicate' }),
  ],
  cancel: [
    when('not started', ({ status }) => status === 'none', { note: 'early_cancel' }),
    when(
      '`started` or `completed`; an awaited step is compensated as well, because it may have been executed',
      ({ status }) => status === 'started' || status === 'completed',
      { compensate: 'cancelled' },
      'compensate_next',
    ),
    otherwise('`compensating`, `compensated` or `failed`', { note: 'already_undone' }),
  ],
  operator_retry: [
    when('`failed`', ({ status }) => status === 'failed', 'resume', 'compensate_next'),
    when('waiting for an answer or for the next attempt', ({ isWaiting }) => isWaiting, 'resume', 'repeat'),
    otherwise('`completed` or `compensated`', { reject: 'there is nothing to retry' }),
  ],
  operator_compensate: [
    when('`started`', ({ status }) => status === 'started', { compensate: 'operator' }, 'compensate_next'),
    when('`completed`', ({ status }) => status === 'completed', { reject: 'only a cancellation compensates it now' }),
    otherwise('`compensating`, `compensated` or `failed`', { reject: 'its compensation has already begun' }),
  ],
};

/** The retry policy allows another attempt after this failure. */
const canRetry = ({ failure }: StepSituation) => failure?.retryAt !== undefined;

const notRequested = when<StepSituation>('never requested', ({ executed }) => executed === 'no', { note: 'unasked' });
const noCompensation = when<StepSituation>('never requested', ({ compensated }) => compensated === 'no', {
  note: 'unasked',
});
const knownCompensation = when<StepSituation>(
  'already known, or no longer awaited',
  ({ compensated, awaited, isFailedStep }) => compensated === 'yes' || (awaited !== 'back' && !isFailedStep),
  { note: 'duplicate' },
);
const outdated = when<StepSituation>(
  'answers a command sent before the step was known to be executed',
  ({ isOutdated }) => isOutdated,
  { note: 'outdated' },
);
const stale = when<StepSituation>('no longer awaited', ({ isCurrent }) => !isCurrent);
const retried = when<StepSituation>('another attempt is left', canRetry, 'fail_step');
const abandoned = when<StepSituation>(
  'the step is abandoned',
  ({ awaited }) => awaited === 'forward',
  'fail_step',
  { compensate: 'step_failed' },
  'compensate_next',
);
const nothingToCompensate = when<StepSituation>(
  'the compensation is abandoned; the step is known not to be executed',
  ({ needsCompensation }) => !needsCompensation,
  'fail_step',
  'compensate_next',
);
const failed = otherwise('the compensation is abandoned', 'fail_step', 'fail');

/** Reactions to triggers of one step: answers, timers, dead-letter notices of its commands. */
export const stepTransitions: Table<StepTrigger, StepSituation> = {
  unrelated_answer: [otherwise('', { note: 'unasked' })],
  executed: [
    notRequested,
    when('already known', ({ executed, isKnownExecution }) => executed === 'yes' && isKnownExecution, {
      note: 'duplicate',
    }),
    when('awaited, at any attempt', ({ awaited }) => awaited === 'forward', 'complete_step', 'execute_next'),
    when('late; the step has no compensation', ({ isCompensable }) => !isCompensable, { note: 'late' }),
    when(
      'late; the saga is `compensated`',
      ({ status }) => status === 'compensated',
      { note: 'late' },
      { compensate: 'late_answer' },
      'compensate_next',
    ),
    when(
      'late; the compensation of the step is awaited',
      ({ awaited }) => awaited === 'back',
      { note: 'late' },
      'compensate_again',
    ),
    when(
      'late; the saga `failed` at compensating the step',
      ({ isFailedStep }) => isFailedStep,
      { note: 'late' },
      'resume',
      'compensate_again',
    ),
    otherwise('late; the step is compensated in its turn', { note: 'late' }),
  ],
  refused: [
    notRequested,
    when('already known', ({ executed }) => executed !== 'maybe', { note: 'duplicate' }),
    when(
      'awaited; another attempt is left',
      (situation) => situation.awaited === 'forward' && canRetry(situation),
      'fail_step',
    ),
    when(
      'awaited; the step is abandoned',
      ({ awaited }) => awaited === 'forward',
      'fail_step',
      { compensate: 'step_failed' },
      'compensate_next',
    ),
    when(
      'late; the saga `failed` at compensating the step',
      ({ isFailedStep }) => isFailedStep,
      { note: 'late_refusal' },
      'resume',
      'compensate_next',
    ),
    otherwise('late; the step needs no compensation', { note: 'late_refusal' }),
  ],
  compensated: [
    noCompensation,
    knownCompensation,
    outdated,
    when(
      'the saga `failed` at compensating the step',
      ({ isFailedStep }) => isFailedStep,
      'resume',
      'complete_step',
      'compensate_next',
    ),
    otherwise('awaited, at any attempt', 'complete_step', 'compensate_next'),
  ],
  not_compensated: [
    noCompensation,
    knownCompensation,
    outdated,
    when('the saga `failed` at compensating the step', ({ isFailedStep }) => isFailedStep, { note: 'duplicate' }),
    retried,
    nothingToCompensate,
    failed,
  ],
  timeout: [stale, retried, abandoned, nothingToCompensate, failed],
  retry_due: [stale, otherwise('awaited', 'repeat')],
  dead_lettered: [
    otherwise('the time-out continues: the command can be fixed and replayed until then', { note: 'dead_lettered' }),
  ],
  replayed: [otherwise('', { note: 'replayed' })],
  discarded: [stale, abandoned, nothingToCompensate, failed],
};

/** Returns the actions of a saga in a situation, in execution order. Pure. */
export function transition<Situation>(transitions: Transitions<Situation>, situation: Situation): readonly Action[] {
  const applies = ({ holds }: Conditional<Situation> | Otherwise) => holds === undefined || holds(situation);
  return transitions.find(applies)?.actions ?? [];
}
