import type { SagaRule } from '../../events/saga-events.js';
import type { SagaEvent } from '../decision/state.js';

type Data<T extends SagaEvent['type']> = Extract<SagaEvent, { type: T }>['data'];

/** Describes an event of a saga's stream in one line, without message data. */
export function describeEvent(event: SagaEvent): string {
  switch (event.type) {
    case 'saga.started':
      return `started by ${event.data.message.type}`;
    case 'saga.step_started':
      return stepStarted(event.data);
    case 'saga.step_completed':
      return `${event.data.step}: ${event.data.direction === 'forward' ? 'done' : 'compensated'} (${event.data.message.type})`;
    case 'saga.step_failed':
      return stepFailed(event.data);
    case 'saga.message_noted':
      return messageNoted(event.data);
    case 'saga.compensating':
      return compensating(event.data);
    case 'saga.completed':
      return 'completed: all steps are done';
    case 'saga.compensated':
      return 'compensated: no step is left to compensate';
    case 'saga.failed':
      return `failed: ${event.data.step} cannot be compensated (${event.data.reason}); manual intervention required`;
    case 'saga.resumed':
      return event.data.who === null ? 'resumed by a late answer' : `resumed by ${event.data.who}`;
    case 'saga.timer_due':
      return timerDue(event.data);
  }
}

function stepStarted({ step, direction, attempt, command, timeoutAt }: Data<'saga.step_started'>): string {
  const purpose = direction === 'forward' ? '' : ' to compensate it';
  const again = attempt === 1 ? '' : `, attempt ${attempt}`;
  return `${step}: ${command.type} sent${purpose}${again}; answer expected by ${timeoutAt}`;
}

function stepFailed({ step, direction, cause, reason, message, retryAt }: Data<'saga.step_failed'>): string {
  const subject = direction === 'back' ? 'compensation ' : '';
  const what = { answer: 'refused', timeout: 'timed out', discarded: 'discarded' }[cause];
  const by = message === null ? '' : ` (${message.type})`;
  const next = retryAt === null ? 'not retried' : `retry at ${retryAt}`;
  return `${step}: ${subject}${what}${by}: ${reason}; ${next}`;
}

function messageNoted({ message: { type }, rule, step, reason = '' }: Data<'saga.message_noted'>): string {
  const about = step ?? 'saga';
  const because = reason === '' ? '' : ` (${reason})`;
  const texts: Record<SagaRule, string> = {
    duplicate: `${about}: ${type} ignored, it is already known`,
    late: `${about}: ${type} arrived after the step was abandoned; the step is compensated`,
    late_refusal: `${about}: ${type} arrived after the step was abandoned; it needs no compensation${because}`,
    unasked: `${about}: ${type} ignored, it answers no command of this saga`,
    outdated: `${about}: ${type} ignored, it answers a compensation sent before the step was known to be done`,
    early_cancel: `cancelled by ${type} before the start${because}`,
    already_undone: `cancelled by ${type}${because}; the compensation had already begun`,
    dead_lettered: `${about}: its command was dead-lettered${because}; the time-out continues`,
    replayed: `${about}: its command was replayed from the dead letters${because}`,
  };
  return texts[rule];
}

function compensating({ cause, step, reason, who = 'an operator' }: Data<'saga.compensating'>): string {
  const why = {
    step_failed: `${step ?? 'a step'} failed: ${reason}`,
    cancelled: `cancelled: ${reason}`,
    operator: `requested by ${who}: ${reason}`,
    late_answer: reason,
  }[cause];
  return `compensation started, ${why}`;
}

function timerDue({ step, direction, timer }: Data<'saga.timer_due'>): string {
  const subject = direction === 'back' ? 'compensation ' : '';
  return `${step}: ${subject}${timer === 'retry' ? 'retry is due' : 'deadline reached'}`;
}
