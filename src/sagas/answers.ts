import type { SagaRule } from '../events/saga-events.js';
import type { EventEnvelope } from '../events/envelope.js';
import { asJson, reasonIn, refOf } from './message.js';
import type { Plot } from './plot.js';
import { stepState } from './state.js';
import type { Direction, Json, SagaDefinition, Step, Way } from './types.js';

/** What a message says, of which step. */
interface Role {
  step: Step;
  direction: Direction;
  outcome: 'done' | 'failed';
  way: Way;
}

/** What an answer means to the saga. Each case is a rule: whatever comes, in whatever order, however often, is taken by
 *  one of them. */
export function answer(definition: SagaDefinition, plot: Plot, event: EventEnvelope): void {
  const role = roleOf(definition, event.type);
  if (role === undefined) return;
  if (!isCausedByCommand(definition, plot, role, event)) return note(plot, event, 'unasked', role.step);
  if (role.direction === 'back') undone(plot, role, event);
  else if (role.outcome === 'done') done(plot, role, event);
  else refused(plot, role, event);
}

/** Whether it follows from a command of the saga for this step, or from one that was edited in the dead letters. */
function isCausedByCommand(
  { answers }: SagaDefinition,
  plot: Plot,
  { step, direction }: Role,
  { causationid = '' }: EventEnvelope,
): boolean {
  const { [direction]: tries, maybeEdited } = stepState(plot.state, step.name);
  return answers === 'any' || maybeEdited || tries.commands.includes(causationid);
}

function roleOf({ steps }: SagaDefinition, type: string): Role | undefined {
  for (const step of steps) {
    for (const direction of ['forward', 'back'] as const) {
      const way = step[direction];
      if (way?.done === type) return { step, direction, outcome: 'done', way };
      if (way?.failed.includes(type) === true) return { step, direction, outcome: 'failed', way };
    }
  }
  return undefined;
}

function note(plot: Plot, event: EventEnvelope, rule: SagaRule, { name }: Step, kept: { result?: Json } = {}): void {
  const reason = reasonIn(event.data);
  plot.say({
    type: 'saga.message_noted',
    data: { message: refOf(event), rule, step: name, ...(reason !== undefined && { reason }), ...kept },
  });
}

/** Whether the saga waits for this step to be done, or for the time to ask again: an earlier try may be answered then. */
function isAwaited(plot: Plot, { name }: Step, direction: Direction): boolean {
  const { waiting } = plot.state;
  return waiting?.step === name && waiting.direction === direction;
}

function done(plot: Plot, { step, way }: Role, event: EventEnvelope): void {
  const { status } = plot.state;
  const { done: known, forward } = stepState(plot.state, step.name);
  if (known === 'yes' && !isDoneAgain(plot, step, event)) return note(plot, event, 'duplicate', step);
  if (known === 'no') return note(plot, event, 'unasked', step);
  const result =
    way.result === undefined ? {} : { result: asJson((way.result as (data: unknown) => Json)(event.data)) };
  if (known !== 'yes' && status === 'started' && isAwaited(plot, step, 'forward')) {
    const attempt = forward.commands.length;
    plot.say({
      type: 'saga.step_completed',
      data: { step: step.name, direction: 'forward', attempt, message: refOf(event), ...result },
    });
    return plot.goOn();
  }
  note(plot, event, 'late', step, result); // what undoes it may need the result
  undoWhatCameLate(plot, step);
}

/** Another command for it was carried out after all, perhaps after what the first had done was undone. It need not be one
 *  that the saga knows: a dead letter that was edited goes on under another id. */
function isDoneAgain(plot: Plot, { name }: Step, { causationid }: EventEnvelope): boolean {
  const { undone: known, doneBy } = stepState(plot.state, name);
  return known !== 'no' && causationid !== undefined && !doneBy.includes(causationid);
}

/** It is done although it was given up. Its turn to be undone may still come, or come again; where the saga has failed at
 *  undoing it, that is asked for anew, as the answers to what was asked before say nothing any more. */
function undoWhatCameLate(plot: Plot, step: Step): void {
  const { status, stuckAt } = plot.state;
  if (!plot.owes(step.name)) return;
  if (status === 'compensated') {
    plot.compensate('late_answer', step.name, `${step.name} was done after all`);
  } else if (status === 'compensating' && isAwaited(plot, step, 'back')) {
    plot.ask(step.name, 'back');
  } else if (stuckAt === step.name) {
    plot.say({ type: 'saga.resumed', data: { who: null } });
    plot.ask(step.name, 'back');
  }
}

function refused(plot: Plot, { step }: Role, event: EventEnvelope): void {
  const { done: known } = stepState(plot.state, step.name);
  if (known === 'no') return note(plot, event, 'unasked', step);
  if (known !== 'maybe') return note(plot, event, 'duplicate', step);
  if (!isAwaited(plot, step, 'forward')) return refusedLate(plot, step, event);
  plot.fail(step.name, 'forward', 'answer', reasonIn(event.data) ?? event.type, refOf(event));
}

/** There is nothing to undo of what was given up. Where that is being undone, the answer to it is still waited for. */
function refusedLate(plot: Plot, step: Step, event: EventEnvelope): void {
  note(plot, event, 'late_refusal', step);
  if (plot.state.stuckAt !== step.name) return;
  plot.say({ type: 'saga.resumed', data: { who: null } });
  plot.undoNext();
}

function undone(plot: Plot, { step, outcome }: Role, event: EventEnvelope): void {
  const { stuckAt } = plot.state;
  const { undone: known, back, outdated } = stepState(plot.state, step.name);
  const isStuck = stuckAt === step.name;
  if (known === 'no') return note(plot, event, 'unasked', step);
  if (known === 'yes' || (!isStuck && !isAwaited(plot, step, 'back'))) return note(plot, event, 'duplicate', step);
  if (back.commands.slice(0, outdated).includes(event.causationid ?? '')) return note(plot, event, 'outdated', step);
  if (outcome === 'failed') {
    if (isStuck) return note(plot, event, 'duplicate', step);
    return plot.fail(step.name, 'back', 'answer', reasonIn(event.data) ?? event.type, refOf(event));
  }
  if (isStuck) plot.say({ type: 'saga.resumed', data: { who: null } });
  const attempt = back.commands.length;
  plot.say({
    type: 'saga.step_completed',
    data: { step: step.name, direction: 'back', attempt, message: refOf(event) },
  });
  plot.undoNext();
}
