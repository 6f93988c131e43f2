import { expectSame } from '../expect-same.js';
import { parseDuration } from '../../duration.js';
import type { Store } from '../../store/store.js';
import { HarnessRun, type HarnessOptions, type StepResult } from './harness-run.js';
import {
  SUBJECT,
  type ExpectedEvent,
  type ExpectedSchedule,
  type ScheduledEvent,
  type SeenEvent,
  type TestEvent,
} from './events.js';
import type { DeliveryOutcome } from '../../worker/pipeline/settle.js';
import type { Duration } from '../../worker/definition/options.js';
import type { Worker } from '../../worker/definition/worker-definition.js';

/** The result of a scenario. */
export interface HarnessResult {
  outcome: DeliveryOutcome;
  /** The events that the last step appended, in order. */
  emitted: SeenEvent[];
  /** The events scheduled after the step, earliest first. */
  scheduled: ScheduledEvent[];
  /** The code of the last error, if any. */
  code: string | undefined;
  /** The message of the last error, if any. */
  message: string | undefined;
}

/** A scenario. Every method returns a new scenario; an expectation runs it. */
export interface Scenario {
  /** Events that are handled first; the outcome of each must be `done`. */
  given: (...events: TestEvent[]) => Scenario;
  /** The event under test. */
  when: (event: TestEvent) => Scenario;
  /** Advances the clock: due timers and retries fire, and the worker handles their messages. Before `when` it is part
   *  of the preparation; after `when`, or without it, it is the step under test. */
  advance: (time: Duration) => Scenario;
  /** Expects that the event is handled and appends exactly these events. */
  emits: (...events: ExpectedEvent[]) => Promise<HarnessResult>;
  /** Expects that the event is handled and that exactly these events are then scheduled, earliest first. */
  schedules: (...events: ExpectedSchedule[]) => Promise<HarnessResult>;
  /** Expects that the event fails and is retried, with this code if given. */
  retries: (code?: string) => Promise<HarnessResult>;
  /** Expects that the event is dead-lettered with this code. */
  deadLetters: (code: string) => Promise<HarnessResult>;
  /** Expects that the worker acknowledges the event without handling it; see `accepts`. */
  ignores: () => Promise<HarnessResult>;
  /** Returns the result without an expectation. `look` may read the worker's store. */
  result: (look?: (store: Store) => Promise<void>) => Promise<HarnessResult>;
}

/** The outcome of a `given` event must be `done`. */
type Step = { kind: 'given' | 'when'; event: TestEvent } | { kind: 'advance'; time: Duration };

/** Runs one worker in this process: its whole pipeline on a memory broker, with a real store in a temporary folder that
 *  is removed afterwards. Events that its projections handle are appended to that store; the projections have caught up
 *  before an expectation is checked. Retries, timers and the circuit breaker use a clock that only `advance` moves.
 *  Expectations reject with an error that contains the worker, the step, the expected and the actual result; its cause
 *  is the error of the handler. */
export function harness(worker: Worker, options: HarnessOptions = {}): Scenario {
  return scenario(worker, options, [], undefined);
}

function scenario(worker: Worker, options: HarnessOptions, before: readonly Step[], last: Step | undefined): Scenario {
  const all = last === undefined ? before : [...before, last];
  const run = (look?: (store: Store) => Promise<void>) => runSteps(worker, options, all, look);
  const examined = last === undefined ? '' : `${worker.name}: ${nameOf(last)}`;
  const subject = all.reduce((latest, step) => ('event' in step ? (step.event.subject ?? SUBJECT) : latest), SUBJECT);
  return {
    given: (...events) => {
      const steps = events.map((event): Step => ({ kind: 'given', event }));
      return last?.kind === 'advance'
        ? scenario(worker, options, [...all, ...steps], undefined)
        : scenario(worker, options, [...before, ...steps], last);
    },
    when: (event) => scenario(worker, options, last?.kind === 'advance' ? all : before, { kind: 'when', event }),
    advance: (time) => scenario(worker, options, all, { kind: 'advance', time }),
    result: async (look) => resultOf(await run(look)),
    async emits(...events) {
      const result = await run();
      expectOutcome(result, { outcome: 'done' }, examined);
      const expected = events.map(({ type, data, subject: of }) => ({ type, subject: of ?? subject, data }));
      expectSame({ emitted: result.emitted }, { emitted: expected }, `${examined}: other events than expected`);
      return resultOf(result);
    },
    async schedules(...events) {
      const result = await run();
      expectOutcome(result, { outcome: 'done' }, examined);
      const expected = events.map((event) => ({
        type: event.type,
        subject: event.subject ?? subject,
        data: event.data,
        at: new Date('in' in event ? result.now + parseDuration(event.in) : event.at).toISOString(),
      }));
      expectSame({ scheduled: result.scheduled }, { scheduled: expected }, `${examined}: other timers than expected`);
      return resultOf(result);
    },
    async retries(code) {
      const result = await run();
      expectOutcome(result, { outcome: 'retried', ...(code !== undefined && { code }) }, examined);
      return resultOf(result);
    },
    async ignores() {
      const result = await run();
      expectOutcome(result, { outcome: 'ignored' }, examined);
      return resultOf(result);
    },
    async deadLetters(code) {
      const result = await run();
      expectOutcome(result, { outcome: 'dead', code }, examined);
      return resultOf(result);
    },
  };
}

async function runSteps(
  worker: Worker,
  options: HarnessOptions,
  steps: readonly Step[],
  look: (store: Store) => Promise<void> = async () => undefined,
): Promise<StepResult> {
  const before = steps.slice(0, -1);
  const last = steps.at(-1);
  if (last === undefined || last.kind === 'given') {
    throw new Error(`${worker.name}: the scenario has no step to check; end it with when(…) or advance(…)`);
  }
  const run = await HarnessRun.start(worker, options);
  const perform = (step: Step) =>
    step.kind === 'advance' ? run.advance(parseDuration(step.time)) : run.take(step.event);
  try {
    for (const [index, step] of before.entries()) {
      const result = await perform(step);
      if (step.kind !== 'given') continue;
      const which = `step ${index + 1} of ${steps.length}`;
      expectOutcome(result, { outcome: 'done' }, `${worker.name}: ${nameOf(step)}, ${which},`);
    }
    const result = await perform(last);
    await look(run.store);
    return result;
  } finally {
    await run.stop();
  }
}

function nameOf(step: Step): string {
  if (step.kind === 'advance') return `advance(${step.time})`;
  const { type, subject = SUBJECT, id } = step.event;
  return `${step.kind}(${type} about ${subject}${id === undefined ? '' : `, id ${id}`})`;
}

function resultOf({ outcome, emitted, scheduled, failure }: StepResult): HarnessResult {
  return { outcome, emitted, scheduled, code: failure?.code, message: failure?.message };
}

/** Compares the outcome of a step; the error of the handler becomes the cause. */
function expectOutcome(
  { outcome, failure }: StepResult,
  expected: { outcome: DeliveryOutcome; code?: string },
  what: string,
): void {
  const seen = { outcome, ...('code' in expected && { code: failure?.code }) };
  const failed = failure === undefined ? '' : `: ${failure.code}: ${failure.message}`;
  expectSame(seen, expected, `${what} ended "${outcome}", not as expected${failed}`, { cause: failure?.error });
}
