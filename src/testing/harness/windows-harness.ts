import { parseDuration } from '../../duration.js';
import { FlotillaError } from '../../errors.js';
import { createEvent } from '../../events/create.js';
import { derivedId, newId } from '../../events/ids.js';
import { openMemoryStore } from '../../store/memory/index.js';
import { readPages } from '../../store/read-pages.js';
import type { Store } from '../../store/store.js';
import { windowsDefinitionOf, type Windows, type WindowsDefinition } from '../../windows/definition.js';
import { FoldFailure } from '../../windows/engine/engine.js';
import type { LateEvent } from '../../windows/engine/segment.js';
import { WindowProcessor } from '../../windows/processor.js';
import { arrivingEvent } from '../../windows/reader/arriving-event.js';
import { listLate } from '../../windows/state/late-table.js';
import { readWindows } from '../../windows/state/windows-table.js';
import type { WindowData } from '../../windows/window-result.js';
import type { Duration } from '../../worker/definition/options.js';
import { SUBJECT, type TestEvent } from './events.js';

/** An event that arrives at windows in a test. */
export interface WindowsTestEvent extends TestEvent {
  /** The event time, RFC 3339. */
  time: string;
  /** The service that emits it: a source of the watermark. @default 'test' */
  source?: string;
}

/** A result of windows in a test. */
export interface WindowsTestResult {
  window: WindowData;
  /** The other fields of the result. */
  data: Readonly<Record<string, unknown>>;
}

export interface WindowsHarnessResult {
  /** The results of all steps, in order. */
  results: WindowsTestResult[];
  /** The events that were late or refused, newest first, at most 1,000. */
  late: LateEvent[];
}

/** A scenario of windows. Every step returns a new scenario; `result` runs it. */
export interface WindowsScenario {
  /** Events that arrive in this order. Each arrives at its own time, or if that has passed, at the time of the clock. */
  receive: (...events: WindowsTestEvent[]) => WindowsScenario;
  /** Moves the clock: windows are closed that are due because no event arrives. */
  advance: (time: Duration) => WindowsScenario;
  /** Runs the scenario. Rejects with `contract.*` for an event that the catalogue does not allow, with `windows.bad_time`, and
   *  with the error of a fold that throws. */
  result: () => Promise<WindowsHarnessResult>;
}

/** Late events in a result. */
const MAX_LATE = 1_000;

type Step = { events: readonly WindowsTestEvent[] } | { advance: number };

/** Computes windows in this process, with a store in memory and a clock that starts at the time of the first event. */
export function windowsHarness(windows: Windows): WindowsScenario {
  return scenario(windowsDefinitionOf(windows), []);
}

function scenario(definition: WindowsDefinition, steps: readonly Step[]): WindowsScenario {
  return {
    receive: (...events) => scenario(definition, [...steps, { events }]),
    advance: (time) => scenario(definition, [...steps, { advance: parseDuration(time) }]),
    result: () => run(definition, steps),
  };
}

async function run(definition: WindowsDefinition, steps: readonly Step[]): Promise<WindowsHarnessResult> {
  const first = steps.find((step) => 'events' in step)?.events[0]?.time;
  const clock = { now: first === undefined ? 0 : Date.parse(first) };
  const store = openMemoryStore({ service: 'test', clock: () => clock.now });
  try {
    const processor = await WindowProcessor.open<number>({
      ...{ store, definition, deriveId: derivedId, now: () => clock.now, position: 0 },
      commit: async (_, write) => {
        await store.transaction(write);
        return true;
      },
    });
    for (const step of steps) {
      if ('advance' in step) await advance(processor, clock, clock.now + step.advance);
      else for (const event of step.events) await receive(processor, definition, clock, event);
      await processor.flush();
    }
    return await resultOf(store, definition);
  } catch (error) {
    throw error instanceof FoldFailure ? error.cause : error;
  } finally {
    await store.close();
  }
}

/** Looks at the clock whenever something is due, as a reader does that has read everything. */
async function advance(processor: WindowProcessor<number>, clock: { now: number }, to: number): Promise<void> {
  for (let due = processor.dueAt(clock.now); due <= to; due = processor.dueAt(clock.now + 1)) {
    clock.now = Math.max(clock.now, due);
    await processor.tick(clock.now);
    if (clock.now >= to) return;
  }
  clock.now = to;
}

async function receive(
  processor: WindowProcessor<number>,
  definition: WindowsDefinition,
  clock: { now: number },
  { type, data, time, source = 'test', subject = SUBJECT, id = newId(), version }: WindowsTestEvent,
): Promise<void> {
  const { definitions, foldOf } = definition;
  if (!foldOf.has(type)) throw new Error(`the windows ${definition.name} do not read ${type}`);
  const at = Date.parse(time);
  if (Number.isNaN(at)) throw new FlotillaError('windows.bad_time', time);
  if (at > clock.now) await advance(processor, clock, at);
  const event = createEvent(definitions, type, data, { id, source, subject, time, correlationId: id }, version);
  const position = (processor.position ?? 0) + 1;
  await processor.apply([{ position, event: arrivingEvent(definition, event) }], () => ({
    at: clock.now,
    now: clock.now,
  }));
}

async function resultOf(store: Store, definition: WindowsDefinition): Promise<WindowsHarnessResult> {
  const results: WindowsTestResult[] = [];
  for await (const page of readPages(store)) {
    for (const { event } of page) {
      const { window, ...data } = event.data as { window: WindowData };
      results.push({ window, data });
    }
  }
  const row = await readWindows(store.query, definition);
  return { results, late: row === undefined ? [] : await listLate(store.query, row.id, MAX_LATE) };
}
