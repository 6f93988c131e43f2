import { derivedId } from '../../../src/events/ids.js';
import type { UnsequencedEvent } from '../../../src/events/envelope.js';
import { openMemoryStore } from '../../../src/store/memory/index.js';
import type { Store } from '../../../src/store/store.js';
import type { WindowsDefinition } from '../../../src/windows/definition.js';
import type { LateEvent } from '../../../src/windows/engine/segment.js';
import { WindowProcessor } from '../../../src/windows/processor.js';
import { arrivingEvent } from '../../../src/windows/reader/arriving-event.js';
import { listLate } from '../../../src/windows/state/late-table.js';
import { readWindows, type WindowsRow } from '../../../src/windows/state/windows-table.js';
import type { WindowData } from '../../../src/windows/window-result.js';
import type { ScriptStep } from './oracle.js';
import { reading, readings } from './readings.js';

export interface RunScriptOptions {
  /** Sizes of batches, used again and again. */
  batches?: readonly number[];
  /** Which commits end the process: `before` it is made, or `after` it. Of the first run and all later ones. */
  crash?: (commit: number) => 'before' | 'after' | undefined;
  cacheLimit?: number;
  resultsPerTransaction?: number;
  /** Runs at the end, with the store. */
  atEnd?: (store: Store) => Promise<void>;
}

export interface Result {
  id: string;
  numbers: number[];
  window: WindowData;
}

export interface ScriptOutcome {
  results: Result[];
  late: LateEvent[];
  row: WindowsRow | undefined;
  crashes: number;
}

class Crash extends Error {}

const CHECKPOINT = 'script';

/** Processes a script with restarts, each of which continues after the last commit. */
export async function runScript(
  definition: WindowsDefinition,
  steps: readonly ScriptStep[],
  options: RunScriptOptions = {},
): Promise<ScriptOutcome> {
  const clock = { now: 0 };
  const store = openMemoryStore({ service: 'plant', clock: () => clock.now });
  const state = { commits: 0, crashes: 0 };
  try {
    for (;;) {
      try {
        await runOnce(store, definition, steps, { ...options, clock, state });
        break;
      } catch (error) {
        if (!(error instanceof Crash)) throw error;
        state.crashes += 1;
      }
    }
    const row = await readWindows(store.query, definition);
    const late = row === undefined ? [] : await listLate(store.query, row.id, 10_000);
    const outcome = { results: await resultsOf(store), late, row, crashes: state.crashes };
    await options.atEnd?.(store);
    return outcome;
  } finally {
    await store.close();
  }
}

async function runOnce(
  store: Store,
  definition: WindowsDefinition,
  steps: readonly ScriptStep[],
  run: RunScriptOptions & { clock: { now: number }; state: { commits: number; crashes: number } },
): Promise<void> {
  const { batches = [1], crash = () => undefined, clock, state, cacheLimit, resultsPerTransaction } = run;
  let committed = await store.checkpoint(CHECKPOINT);
  const processor = await WindowProcessor.open<number>({
    ...{ store, definition, deriveId: derivedId, now: () => clock.now },
    ...(cacheLimit !== undefined && { cacheLimit }),
    ...(resultsPerTransaction !== undefined && { resultsPerTransaction }),
    position: committed === 0 ? undefined : committed,
    commit: async (position, write) => {
      state.commits += 1;
      const ends = crash(state.commits);
      if (ends === 'before') throw new Crash();
      await store.transaction(async (tx) => {
        if (!(await tx.moveCheckpoint(CHECKPOINT, committed, position))) throw new Error('The checkpoint has moved');
        await write(tx);
      });
      committed = position;
      if (ends === 'after') throw new Crash();
      return true;
    },
  });
  let batch = 0;
  for (let index = committed; index < steps.length;) {
    const step = steps[index];
    if (step === undefined) break;
    if ('tick' in step) {
      clock.now = step.tick;
      await processor.tick(step.tick);
      index += 1;
      continue;
    }
    const entries: { position: number; event: UnsequencedEvent; at: number }[] = [];
    const size = batches[batch++ % batches.length] ?? 1;
    for (
      let next = steps[index];
      entries.length < size && next !== undefined && !('tick' in next);
      next = steps[index]
    ) {
      index += 1;
      entries.push({ position: index, event: 'parts' in next ? readings(next) : reading(next), at: next.at });
    }
    clock.now = Math.max(...entries.map(({ at }) => at));
    const arrivals = new Map(entries.map(({ event, at }) => [event.id, at] as const).reverse());
    await processor.apply(
      entries.map(({ position, event }) => ({ position, event: arrivingEvent(definition, event) })),
      ({ id }) => {
        const at = arrivals.get(id) ?? clock.now;
        return { at, now: at };
      },
    );
  }
  await processor.flush();
}

export async function resultsOf(store: Store, type = 'reading.listed'): Promise<Result[]> {
  const results: Result[] = [];
  for (let after = 0; ;) {
    const page = await store.readAll(after, 1_000, { type });
    for (const { id, event } of page) results.push({ id, ...(event.data as Omit<Result, 'id'>) });
    const last = page.at(-1);
    if (last === undefined) return results;
    after = last.position;
  }
}
