import { z } from 'zod';
import { event } from './definition.js';
import { pii } from './personal.js';

const about = { saga: z.string(), sagaId: z.string() };

/** A message that came to a saga; `causationId`: what it follows from, such as the command that it answers. */
const message = z.strictObject({
  type: z.string(),
  id: z.string(),
  source: z.string(),
  causationId: z.string().optional(),
});

/** One try of one step: the way there, or the way back. Tries are counted from 1, and never anew. */
const step = { step: z.string(), direction: z.enum(['forward', 'back']), attempt: z.int().min(1) };

/** What a message meant that moved the saga nowhere. */
export const sagaRules = [
  /** It says what was known. */
  'duplicate',
  /** It answers a step that was given up; what it did is undone. */
  'late',
  /** It says that a step which was given up was not done. */
  'late_refusal',
  /** It answers what was not asked for. */
  'unasked',
  /** It answers an undoing that was asked for before it was known that there is something to undo. */
  'outdated',
  /** Somebody calls off what has not begun yet; it will be called off as it begins. */
  'early_cancel',
  /** Somebody calls off what is being undone already, or has been. */
  'already_undone',
  /** A command of the saga lies in the dead letters; its time-out goes on. */
  'dead_lettered',
  /** That command was sent again. */
  'replayed',
] as const;

export type SagaRule = (typeof sagaRules)[number];

/** What sagas say of themselves; together the stream of one saga, from which all that is known of it follows. */
export const sagaEvents = {
  /** `input`: what the saga keeps of the message that began it. */
  'saga.started': event({ 1: z.strictObject({ ...about, message, input: pii(z.json()) }) }),
  /** A command was given. `timeoutAt`: when its time is over. */
  'saga.step_started': event({
    1: z.strictObject({
      ...about,
      ...step,
      command: z.strictObject({ type: z.string(), id: z.string() }),
      timeoutAt: z.iso.datetime(),
    }),
  }),
  /** A step is done, or undone. `result`: what the saga keeps of the answer. */
  'saga.step_completed': event({ 1: z.strictObject({ ...about, ...step, message, result: pii(z.json()).optional() }) }),
  /** A try of a step failed. `retryAt`: when the next one is due; null when there is none. */
  'saga.step_failed': event({
    1: z.strictObject({
      ...about,
      ...step,
      cause: z.enum(['answer', 'timeout', 'discarded']),
      reason: z.string(),
      message: message.nullable(),
      retryAt: z.iso.datetime().nullable(),
    }),
  }),
  /** A message moved the saga nowhere, by this rule. `result`: what the saga keeps of an answer that came late. */
  'saga.message_noted': event({
    1: z.strictObject({
      ...about,
      message,
      rule: z.enum(sagaRules),
      step: z.string().nullable(),
      reason: z.string().optional(),
      result: pii(z.json()).optional(),
    }),
  }),
  /** What was done is being undone. `step`: the one that could not be done, where that is why. `who`: the person who said
   *  so. */
  'saga.compensating': event({
    1: z.strictObject({
      ...about,
      cause: z.enum(['step_failed', 'cancelled', 'operator', 'late_answer']),
      step: z.string().nullable(),
      reason: z.string(),
      who: pii(z.string()).optional(),
    }),
  }),
  'saga.completed': event({ 1: z.strictObject(about) }),
  'saga.compensated': event({ 1: z.strictObject(about) }),
  /** Something cannot be undone: a person is needed. */
  'saga.failed': event({ 1: z.strictObject({ ...about, step: z.string(), reason: z.string() }) }),
  /** A person has told it to try again; or what could not be undone has been, after all. */
  'saga.resumed': event({ 1: z.strictObject({ ...about, who: pii(z.string().nullable()) }) }),
  /** The time of a try is over, or its next try is due. */
  'saga.timer_due': event({ 1: z.strictObject({ ...about, ...step, timer: z.enum(['timeout', 'retry']) }) }),
};
