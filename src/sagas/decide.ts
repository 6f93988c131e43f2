import { FlotillaError } from '../errors.js';
import type { EventEnvelope } from '../events/envelope.js';
import { answer } from './answers.js';
import { isLetter } from './define.js';
import { asJson, oneLineReason, reasonIn, refOf } from './message.js';
import { Plot } from './plot.js';
import type { SagaEvent, SagaState } from './state.js';
import type { Direction, Json, SagaDefinition } from './types.js';
import { formatDuration } from '../duration.js';

/** What comes to a saga: a message, or the word of a person. `now` in milliseconds since the epoch. */
export type SagaInput =
  | { kind: 'message'; sagaId: string; now: number; event: EventEnvelope }
  | { kind: 'retry'; sagaId: string; now: number; who: string }
  | { kind: 'compensate'; sagaId: string; now: number; who: string; reason: string };

/** What follows; nothing for a message that is not this saga's. Throws `saga.not_found` or `saga.refused` to a person. */
export function decide(definition: SagaDefinition, input: SagaInput, state: SagaState): readonly SagaEvent[] {
  const plot = new Plot(definition, input.sagaId, state, input.now);
  if (input.kind === 'message') take(definition, plot, input.event);
  else if (state.status === 'none') throw new FlotillaError('saga.not_found', `${definition.name} ${input.sagaId}`);
  else if (input.kind === 'retry') retry(plot, input.who);
  else compensate(plot, input);
  return plot.events;
}

function take(definition: SagaDefinition, plot: Plot, event: EventEnvelope): void {
  const { type } = event;
  if (type === 'saga.timer_due') return timer(definition, plot, event.data as TimerDue);
  if (isLetter(type)) return letter(plot, event);
  if (!definition.accepts(event)) return;
  if (type === definition.startedBy) return start(definition, plot, event);
  if (type === definition.cancelledBy) return cancel(plot, event);
  if (plot.state.status !== 'none') answer(definition, plot, event);
}

function start(definition: SagaDefinition, plot: Plot, event: EventEnvelope): void {
  const { status, calledOff } = plot.state;
  const message = refOf(event);
  if (status !== 'none') {
    plot.say({ type: 'saga.message_noted', data: { message, rule: 'duplicate', step: null } });
    return;
  }
  const input = asJson((definition.input as (data: unknown) => Json)(event.data));
  plot.say({ type: 'saga.started', data: { message, input } });
  if (calledOff === undefined) plot.goOn();
  else plot.compensate('cancelled', null, calledOff);
}

/** Whoever calls it off has been told that it is: so it is undone from wherever it is, also from its end. */
function cancel(plot: Plot, event: EventEnvelope): void {
  const reason = reasonIn(event.data) ?? 'on request';
  const { status } = plot.state;
  if (status === 'started' || status === 'completed') return plot.compensate('cancelled', null, reason);
  const rule = status === 'none' ? 'early_cancel' : 'already_undone';
  plot.say({ type: 'saga.message_noted', data: { message: refOf(event), rule, step: null, reason } });
}

interface TimerDue {
  saga: string;
  step: string;
  direction: Direction;
  attempt: number;
  timer: 'timeout' | 'retry';
}

/** A timer of what is not waited for any more says nothing. */
function timer({ name }: SagaDefinition, plot: Plot, { saga, step, direction, attempt, timer: kind }: TimerDue): void {
  const { waiting } = plot.state;
  if (saga !== name || waiting?.step !== step || waiting.direction !== direction) return;
  if (waiting.attempt !== attempt || waiting.timer !== kind) return;
  if (kind === 'retry') return plot.ask(step, direction);
  const patience = formatDuration(plot.patienceOf(step, direction));
  plot.fail(step, direction, 'timeout', `no answer within ${patience}`, null);
}

interface Letter {
  eventId: string | null;
  type: string | null;
  code: string;
}

/** A command that lies in the dead letters may still be mended until its time is over; one that was discarded will not be
 *  done. */
function letter(plot: Plot, event: EventEnvelope): void {
  const { eventId, type: dead, code } = event.data as Letter;
  const { waiting, steps } = plot.state;
  if (eventId === null) return;
  const owner = Object.entries(steps).find(
    ([, { forward, back }]) => forward.commands.includes(eventId) || back.commands.includes(eventId),
  );
  if (owner === undefined) return;
  const [step, state] = owner;
  const message = refOf(event);
  if (event.type !== 'message.discarded') {
    const rule = event.type === 'message.replayed' ? 'replayed' : 'dead_lettered';
    plot.say({ type: 'saga.message_noted', data: { message, rule, step, reason: `${dead ?? 'a message'}: ${code}` } });
    return;
  }
  if (waiting?.step !== step || waiting.timer !== 'timeout') return;
  if (state[waiting.direction].commands.at(-1) !== eventId) return;
  plot.fail(
    step,
    waiting.direction,
    'discarded',
    `${dead ?? 'its command'} was discarded: ${reasonIn(event.data) ?? code}`,
    message,
  );
}

function retry(plot: Plot, who: string): void {
  const { status, waiting } = plot.state;
  if (status !== 'failed' && waiting === undefined) {
    throw new FlotillaError('saga.refused', `it is ${status}: there is nothing to try again`);
  }
  plot.say({ type: 'saga.resumed', data: { who } });
  if (waiting === undefined) plot.undoNext();
  else plot.ask(waiting.step, waiting.direction);
}

function compensate(plot: Plot, { who, reason }: { who: string; reason: string }): void {
  const { status } = plot.state;
  if (status !== 'started') {
    const why = status === 'completed' ? 'what is completed is for the business to undo' : 'it is undone already';
    throw new FlotillaError('saga.refused', `it is ${status}: ${why}`);
  }
  plot.compensate('operator', null, oneLineReason(reason), who);
}
