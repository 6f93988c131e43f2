import { z } from 'zod';
import { event } from './definition.js';
import { pii } from './personal.js';

const about = { saga: z.string(), sagaId: z.string() };

/** A message that a saga received. `causationId`: the message that caused it, such as the command that it answers. */
const message = z.strictObject({
  type: z.string(),
  id: z.string(),
  source: z.string(),
  causationId: z.string().optional(),
});

/** One attempt at executing (`forward`) or compensating (`back`) a step. Numbered from 1; retries requested by an
 *  operator continue the numbering. */
const step = { step: z.string(), direction: z.enum(['forward', 'back']), attempt: z.int().min(1) };

/** Why a message did not move a saga forward. */
export const sagaRules = [
  /** It repeats information that the saga already has. */
  'duplicate',
  /** It reports that a step was executed after it was abandoned; the step is compensated. */
  'late',
  /** It reports that a step which was abandoned was not executed. */
  'late_refusal',
  /** It does not answer any command of the saga. */
  'unasked',
  /** It answers a compensation that was requested before it was known whether the step was executed. */
  'outdated',
  /** It cancels the saga before the start; the saga is compensated as it starts. */
  'early_cancel',
  /** It cancels the saga after compensation has begun. */
  'already_undone',
  /** A command of the saga was dead-lettered; its time-out continues. */
  'dead_lettered',
  /** That command was replayed. */
  'replayed',
] as const;

export type SagaRule = (typeof sagaRules)[number];

/** The events of a saga's stream; its state is rebuilt from them. */
export const sagaEvents = {
  /** `input`: the stored part of the message that started the saga. */
  'saga.started': event({ 1: z.strictObject({ ...about, message, input: pii(z.json()) }) }),
  /** A command was sent. `timeoutAt`: the deadline for its answer. */
  'saga.step_started': event({
    1: z.strictObject({
      ...about,
      ...step,
      command: z.strictObject({ type: z.string(), id: z.string() }),
      timeoutAt: z.iso.datetime(),
    }),
  }),
  /** A step was executed, or compensated. `result`: the stored part of the answer. */
  'saga.step_completed': event({ 1: z.strictObject({ ...about, ...step, message, result: pii(z.json()).optional() }) }),
  /** An attempt failed. `retryAt`: when the next one is due; null if there is none. */
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
  /** A message was recorded by this rule. `result`: the stored part of a late answer. */
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
  /** Compensation has begun. `step`: the failed step, if that is the cause. `who`: the operator who requested it. */
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
  /** A step cannot be compensated: manual intervention is required. */
  'saga.failed': event({ 1: z.strictObject({ ...about, step: z.string(), reason: z.string() }) }),
  /** An operator has requested a retry; or, with `who` null, a late answer lets a failed saga continue. */
  'saga.resumed': event({ 1: z.strictObject({ ...about, who: pii(z.string().nullable()) }) }),
  /** The deadline of an attempt has passed, or the next attempt is due. */
  'saga.timer_due': event({ 1: z.strictObject({ ...about, ...step, timer: z.enum(['timeout', 'retry']) }) }),
};
