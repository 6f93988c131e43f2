import type { SagaRule } from '../events/saga-events.js';
import type { SagaEvent } from './state.js';

type Data<T extends SagaEvent['type']> = Extract<SagaEvent, { type: T }>['data'];

/** What an entry of a saga's stream says, in one line for people; without what the saga keeps of messages. */
export function lineOf(event: SagaEvent): string {
  switch (event.type) {
    case 'saga.started':
      return `begun by ${event.data.message.type}`;
    case 'saga.step_started':
      return asked(event.data);
    case 'saga.step_completed':
      return `${event.data.step}: ${event.data.direction === 'forward' ? 'done' : 'undone'} (${event.data.message.type})`;
    case 'saga.step_failed':
      return failed(event.data);
    case 'saga.message_noted':
      return noted(event.data);
    case 'saga.compensating':
      return compensating(event.data);
    case 'saga.completed':
      return 'ended: everything is done';
    case 'saga.compensated':
      return 'ended: nothing is left to undo';
    case 'saga.failed':
      return `failed: ${event.data.step} cannot be undone (${event.data.reason}); a person is needed`;
    case 'saga.resumed':
      return event.data.who === null
        ? 'goes on: what could not be undone was answered after all'
        : `told to try again by ${event.data.who}`;
    case 'saga.timer_due':
      return timer(event.data);
  }
}

function asked({ step, direction, attempt, command, timeoutAt }: Data<'saga.step_started'>): string {
  const what = direction === 'forward' ? 'asked for' : 'asked to be undone';
  const again = attempt === 1 ? '' : `, try ${attempt}`;
  return `${step}: ${what} by ${command.type}${again}; an answer is awaited until ${timeoutAt}`;
}

function failed({ step, direction, cause, reason, message, retryAt }: Data<'saga.step_failed'>): string {
  const back = direction === 'back' ? 'undoing it ' : '';
  const what = {
    answer: direction === 'forward' ? 'refused' : 'not undone',
    timeout: `${back}timed out`,
    discarded: `${back}given up`,
  }[cause];
  const by = message === null ? '' : ` (${message.type})`;
  const next = retryAt === null ? 'not tried again' : `tried again at ${retryAt}`;
  return `${step}: ${what}${by}: ${reason}; ${next}`;
}

function noted({ message: { type }, rule, step, reason = '' }: Data<'saga.message_noted'>): string {
  const about = step ?? 'it';
  const because = reason === '' ? '' : ` (${reason})`;
  const says: Record<SagaRule, string> = {
    duplicate: `${type} says what was known`,
    late: `${about}: ${type} came after it was given up; what it did is undone`,
    late_refusal: `${about}: ${type} came after it was given up; nothing of it needs to be undone${because}`,
    unasked: `${about}: ${type} answers what was not asked for`,
    outdated: `${about}: ${type} answers an undoing from before it was known that there is something to undo`,
    early_cancel: `called off by ${type} before it began${because}`,
    already_undone: `called off by ${type}${because}; it is undone already`,
    dead_lettered: `${about}: its command lies in the dead letters${because}; its time goes on`,
    replayed: `${about}: its command was sent again from the dead letters${because}`,
  };
  return says[rule];
}

function compensating({ cause, step, reason, who = 'a person' }: Data<'saga.compensating'>): string {
  const why = {
    step_failed: `${step ?? 'a step'} could not be done: ${reason}`,
    cancelled: `it was called off: ${reason}`,
    operator: `${who} has said so: ${reason}`,
    late_answer: reason,
  }[cause];
  return `what was done is undone, because ${why}`;
}

function timer({ step, direction, timer: kind }: Data<'saga.timer_due'>): string {
  if (kind === 'retry') return `${step}: the time of the next try has come`;
  return `${step}: the time for an answer${direction === 'back' ? ' to undoing it' : ''} is over`;
}
