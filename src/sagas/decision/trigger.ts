import { FlotillaError } from '../../errors.js';
import type { EventEnvelope } from '../../events/envelope.js';
import type { DeriveId } from '../../events/ids.js';
import { oneLine } from '../../events/text-line.js';
import { redact } from '../../text/redact.js';
import { deadLetterNotices } from '../definition/definition.js';
import { stepState, type SagaState, type Waiting } from './state.js';
import type { Direction, SagaDefinition } from '../definition/types.js';

/** The input of a saga: a message, or a request of an operator. */
export type SagaInput = {
  sagaId: string;
  /** Milliseconds since the epoch. */
  now: number;
  /** Derives the ids of commands. @default `derivedId` */
  deriveId?: DeriveId;
} & (
  | { kind: 'message'; event: EventEnvelope }
  | { kind: 'retry'; who: string }
  | { kind: 'compensate'; who: string; reason: string }
);

/** Triggers that concern a saga as a whole. */
export type SagaTrigger = 'start' | 'cancel' | 'operator_retry' | 'operator_compensate';

/** Triggers that concern one step: answers, timers, dead-letter notices of its commands. */
export type StepTrigger =
  | 'unrelated_answer'
  | 'executed'
  | 'refused'
  | 'compensated'
  | 'not_compensated'
  | 'timeout'
  | 'retry_due'
  | 'dead_lettered'
  | 'replayed'
  | 'discarded';

/** A message, as recorded in a saga's stream. */
export interface MessageRef {
  type: string;
  id: string;
  source: string;
  /** The message that caused it, for example the command that it answers. */
  causationId?: string | undefined;
}

interface Received {
  /** Null for timers and requests of an operator. */
  readonly message: MessageRef | null;
  readonly data?: unknown;
  readonly reason?: string | undefined;
  readonly who?: string;
}

export interface SagaMessage extends Received {
  readonly on: SagaTrigger;
}

export interface StepMessage extends Received {
  readonly on: StepTrigger;
  readonly step: string;
  readonly direction: Direction;
  /** The attempt that a timer or a dead-letter notice belongs to, and what the saga waits for in that attempt. */
  readonly attempt?: number;
  readonly timer?: Waiting['timer'];
  /** The command to which an answer belongs. */
  readonly causationId?: string | undefined;
}

/** Maps an input to the trigger for a saga in this state; undefined for a message that does not concern it. Throws
 *  `saga.not_found` for a request about a saga that has not started. */
export function triggerOf(
  definition: SagaDefinition,
  input: SagaInput,
  state: SagaState,
): SagaMessage | StepMessage | undefined {
  if (input.kind === 'message') return triggerOfMessage(definition, input.event, state);
  const { sagaId, who } = input;
  if (state.status === 'none') throw new FlotillaError('saga.not_found', `${definition.name} ${sagaId}`);
  if (input.kind === 'retry') return { on: 'operator_retry', message: null, who };
  return { on: 'operator_compensate', message: null, who, reason: oneLineReason(input.reason) };
}

function triggerOfMessage(
  definition: SagaDefinition,
  event: EventEnvelope,
  state: SagaState,
): SagaMessage | StepMessage | undefined {
  const { type, data } = event;
  if (type === 'saga.timer_due') return triggerOfTimer(definition, data as TimerDue);
  const notice = deadLetterNotices.get(type);
  if (notice !== undefined) return triggerOfNotice(notice, event, state);
  if (!definition.accepts(event)) return undefined;
  const message = refOf(event);
  if (type === definition.startedBy) return { on: 'start', message, data };
  if (type === definition.cancelledBy) return { on: 'cancel', message, reason: reasonIn(data) ?? 'on request' };
  return state.status === 'none' ? undefined : triggerOfAnswer(definition, event, state);
}

function triggerOfAnswer(definition: SagaDefinition, event: EventEnvelope, state: SagaState): StepMessage | undefined {
  const { type, data, causationid: causationId } = event;
  const answer = answerIn(definition, type);
  if (answer === undefined) return undefined;
  const { step, direction } = answer;
  const { [direction]: attempts, maybeEdited } = stepState(state, step);
  const isRelated = definition.answers === 'any' || maybeEdited || attempts.commands.includes(causationId ?? '');
  const on = isRelated ? answer.on : 'unrelated_answer';
  return { on, step, direction, message: refOf(event), data, reason: reasonIn(data), causationId };
}

/** What an answer of this type reports, and for which step. */
function answerIn({ steps }: SagaDefinition, type: string): Pick<StepMessage, 'on' | 'step' | 'direction'> | undefined {
  for (const { name: step, execute, compensate } of steps) {
    if (execute.done === type) return { on: 'executed', step, direction: 'forward' };
    if (execute.failed.includes(type)) return { on: 'refused', step, direction: 'forward' };
    if (compensate?.done === type) return { on: 'compensated', step, direction: 'back' };
    if (compensate?.failed.includes(type) === true) return { on: 'not_compensated', step, direction: 'back' };
  }
  return undefined;
}

interface TimerDue {
  saga: string;
  step: string;
  direction: Direction;
  attempt: number;
  timer: Waiting['timer'];
}

function triggerOfTimer({ name }: SagaDefinition, { saga, ...timer }: TimerDue): StepMessage | undefined {
  if (saga !== name) return undefined;
  return { on: timer.timer === 'timeout' ? 'timeout' : 'retry_due', ...timer, message: null };
}

interface DeadLetterNotice {
  eventId: string | null;
  type: string | null;
  code: string;
}

/** A dead-letter notice concerns a saga if it is about one of its commands. */
function triggerOfNotice(on: StepTrigger, event: EventEnvelope, { steps }: SagaState): StepMessage | undefined {
  const { eventId, type, code } = event.data as DeadLetterNotice;
  if (eventId === null) return undefined;
  for (const [step, attempts] of Object.entries(steps)) {
    for (const direction of ['forward', 'back'] as const) {
      const attempt = attempts[direction].commands.indexOf(eventId) + 1;
      if (attempt === 0) continue;
      const reason =
        on === 'discarded'
          ? `${type ?? 'its command'} was discarded: ${reasonIn(event.data) ?? code}`
          : `${type ?? 'a message'}: ${code}`;
      return { on, step, direction, attempt, timer: 'timeout', message: refOf(event), reason };
    }
  }
  return undefined;
}

function refOf({ type, id, source, causationid }: EventEnvelope): MessageRef {
  return { type, id, source, ...(causationid !== undefined && { causationId: causationid }) };
}

/** The `reason` of a message in one line; undefined if it has none. */
function reasonIn(data: unknown): string | undefined {
  const reason = typeof data === 'object' && data !== null && 'reason' in data ? data.reason : undefined;
  return typeof reason === 'string' && reason.trim() !== '' ? oneLineReason(reason) : undefined;
}

/** In characters. Reasons are passed on with commands to services that accept short text in one line. */
const MAX_REASON_LENGTH = 300;

/** The text in one line, redacted and truncated. */
function oneLineReason(text: string): string {
  return oneLine(redact(text), MAX_REASON_LENGTH);
}
