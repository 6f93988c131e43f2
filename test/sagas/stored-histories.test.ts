import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import type { SqlValue } from 'flotilla';
import { createEvent, originContext } from '../../src/events/create.js';
import { advance } from '../../src/sagas/advance.js';
import { sagaMigrations } from '../../src/sagas/saga-table.js';
import type { SagaInput } from '../../src/sagas/decision/trigger.js';
import type { Store } from '../../src/store/store.js';
import { openMemoryStore } from '../../src/store/memory/index.js';
import { journeys, tripSaga } from './support/trip.js';
import { sagaDefinitionOf } from '../../src/sagas/definition/define-saga.js';

const { definitions } = journeys;

type Column =
  | 'saga'
  | 'saga_id'
  | 'status'
  | 'step'
  | 'direction'
  | 'attempt'
  | 'due_at'
  | 'timer'
  | 'reason'
  | 'started_at'
  | 'updated_at';
type Row = Record<Column, SqlValue>;

/** One input of a saga, and the events that version 0.1.0 had stored after it. */
interface Step {
  history: string;
  input: SagaInput;
  events: { type: string; data: unknown }[];
  commands: { type: string; id: string; data: unknown }[];
  timer: { id: string; due: number; data: unknown } | null;
  row: Row | null;
}

const lines = readFileSync(new URL('stored-histories.jsonl', import.meta.url), 'utf8')
  .trim()
  .split('\n');
const steps = lines.map((line) => JSON.parse(line) as Step);
const histories = new Map(
  [...new Set(steps.map(({ history }) => history))].map((name) => [name, steps.filter((s) => s.history === name)]),
);

describe('the stored history of a saga', () => {
  for (const [name, all] of histories) {
    it(`continues after each input exactly as in the previous version: ${name}`, async () => {
      for (let before = 0; before < all.length; before++) await continues(all, before);
    });
  }
});

/** Restores the store after that many inputs, and processes the remaining ones. */
async function continues(history: readonly Step[], before: number): Promise<void> {
  const store = openMemoryStore({ service: 'core', clock: () => history[0]?.input.now ?? 0 });
  try {
    await store.migrate('sagas', sagaMigrations);
    for (const step of history.slice(0, before)) await restore(store, step);
    for (const { input, ...expected } of history.slice(before)) {
      const context = (subject: string) => originContext({ source: 'core', subject, now: input.now });
      const [stream, commands] = [await store.read('travel/t1'), await store.read('trip/t1')];
      await store.transaction((tx) => advance(tx, sagaDefinitionOf(tripSaga), input, context));
      const after = {
        history: expected.history,
        events: (await store.read('travel/t1', stream.length)).map(({ event: { type, data } }) => ({ type, data })),
        commands: (await store.read('trip/t1', commands.length)).map(({ event: { type, id, data } }) => ({
          type,
          id,
          data,
        })),
        timer: await timerOf(store),
        row: (await store.query<Row>`SELECT * FROM sagas`)[0] ?? null,
      };
      expect(JSON.stringify(after, null, 1), `input ${JSON.stringify(input)}`).to.equal(
        JSON.stringify(expected, null, 1),
      );
    }
  } finally {
    await store.close();
  }
}

async function restore(store: Store, { input: { now }, events, commands, timer, row }: Step): Promise<void> {
  const create = (subject: string, { type, data, id }: { type: string; data: unknown; id?: string }) =>
    createEvent(definitions, type, data, { ...originContext({ source: 'core', subject, now }), ...(id && { id }) });
  await store.transaction(async (tx) => {
    await tx.append(
      'travel/t1',
      'any',
      events.map((event) => create('travel/t1', event)),
    );
    await tx.append(
      'trip/t1',
      'any',
      commands.map((event) => create('trip/t1', event)),
    );
    await tx.sql`DELETE FROM sagas`;
    if (row !== null) {
      const {
        saga,
        saga_id,
        status,
        step,
        direction,
        attempt,
        due_at,
        timer: kind,
        reason,
        started_at,
        updated_at,
      } = row;
      await tx.sql`INSERT INTO sagas VALUES (${saga}, ${saga_id}, ${status}, ${step}, ${direction}, ${attempt},
        ${due_at}, ${kind}, ${reason}, ${started_at}, ${updated_at})`;
    }
    for (const { id } of await tx.sql<{ id: string }>`SELECT id FROM flotilla_timers`) await tx.cancelTimer(id);
    if (timer === null) return;
    const event = create('travel/t1', { type: 'saga.timer_due', data: timer.data });
    await tx.schedule({ id: timer.id, dueAt: timer.due, event });
  });
}

async function timerOf(store: Store): Promise<Step['timer']> {
  const [timer] = await store.query<{ id: string; due: number; event: string }>`SELECT * FROM flotilla_timers`;
  if (timer === undefined) return null;
  return { id: timer.id, due: timer.due, data: (JSON.parse(timer.event) as { data: unknown }).data };
}
