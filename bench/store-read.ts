import Database from 'better-sqlite3';
import { readPages } from '../src/store/read-pages.js';
import { openSqliteStore } from '../src/store/sqlite/index.js';
import type { Bench } from './support/bench.js';
import { besideEmmett } from './support/emmett.js';
import { measureAlternately, speedOf } from './support/rounds.js';
import { sized } from './support/size.js';
import { fillTo } from './support/store-events.js';
import { rate } from './support/table.js';

const EVENTS = sized(100_000);
const ROUNDS = 5;
/** Rows per page of the bare reader. */
const PAGE = 1_000;

/** Reading and parsing all events, compared with a bare SELECT of the bodies and JSON.parse; and the same operations in
 *  emmett's SQLite store. */
export const storeRead: Bench = async ({ folder }) => {
  const path = `${folder}/read.db`;
  const store = await openSqliteStore({ service: 'core', path });
  await fillTo(store, EVENTS);

  const ours = () =>
    speedOf(EVENTS, async () => {
      let read = 0;
      for await (const page of readPages(store)) for (const { event } of page) if (event.id !== '') read += 1;
      if (read !== EVENTS) throw new Error(`${read} of ${EVENTS} events read`);
    });
  const file = new Database(path, { readonly: true });
  const select = file
    .prepare('SELECT position, body FROM flotilla_events WHERE position > ? ORDER BY position LIMIT ?')
    .raw();
  const bare = () =>
    speedOf(EVENTS, () => {
      let read = 0;
      for (let after = 0; read < EVENTS;) {
        const rows = select.all(after, PAGE) as [number, string][];
        for (const [, body] of rows) if ((JSON.parse(body) as { id: string }).id !== '') read += 1;
        after = rows.at(-1)?.[0] ?? 0;
      }
      return Promise.resolve();
    });
  await bare();
  const medians = await measureAlternately(ROUNDS, { ours, bare });
  file.close();
  await store.close();
  return [
    {
      name: 'reading all events in pages, parsed',
      ours: rate(medians.ours),
      bare: `SELECT + JSON.parse ${rate(medians.bare)}`,
      ratio: medians.ours.perSecond / medians.bare.perSecond,
      target: 0.5,
    },
    ...(await besideEmmett(folder)),
  ];
};
