import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { newId } from '../../src/events/ids.js';
import { openSqliteStore } from '../../src/store/sqlite/index.js';
import { attemptAlternately, medianSpeed, speedOf, type Speed } from './rounds.js';
import { sized } from './size.js';
import { eventsOf } from './store-events.js';
import { rateOrFailure, type Row } from './table.js';

const BATCHES = sized(1_000);
const BATCH = 10;
const ROUNDS = 3;

/** Pinned versions, which are installed only when this benchmark runs, because they are 150 packages and compile a
 *  second SQLite. */
const STORE = '@event-driven-io/emmett-sqlite';
const PACKAGES = {
  '@event-driven-io/emmett': '0.38.5',
  [STORE]: '0.38.5',
  sqlite3: '5.1.7',
};
const folderOfPackages = fileURLToPath(new URL('../../node_modules/.cache/flotilla-emmett/', import.meta.url));

interface Speeds {
  append: Speed;
  read: Speed;
}

/** The part of emmett's API that this benchmark uses. */
interface Emmett {
  getSQLiteEventStore: (options: { fileName: string; schema: { autoMigration: 'CreateOrUpdate' } }) => {
    appendToStream: (stream: string, events: { type: string; data: unknown }[]) => Promise<unknown>;
    readStream: (stream: string) => Promise<{ events: unknown[] }>;
  };
}

/** Appends batches to separate streams, one after the other, and reads them back, in both stores. Emmett stores type,
 *  data and metadata in separate columns, Flotilla a CloudEvent; the data is the same. */
export async function besideEmmett(folder: string): Promise<Row[]> {
  const streams = () => Array.from({ length: BATCHES }, () => `job/${newId()}`);
  let round = 0;

  const ours = async () => {
    const store = await openSqliteStore({ service: 'core', path: `${folder}/beside-${round++}.db` });
    const batches = streams().map((stream) => ({ stream, events: eventsOf(stream, BATCH) }));
    const append = await speedOf(BATCHES * BATCH, async () => {
      for (const { stream, events } of batches) await store.append(stream, 'none', events);
    });
    const read = await speedOf(BATCHES * BATCH, async () => {
      for (const { stream } of batches) {
        if ((await store.read(stream)).map(({ event }) => event).length !== BATCH) throw new Error('not read back');
      }
    });
    await store.close();
    return { append, read };
  };
  const theirs = async () => {
    const { getSQLiteEventStore } = await install();
    const store = getSQLiteEventStore({
      fileName: `${folder}/emmett-${round++}.db`,
      schema: { autoMigration: 'CreateOrUpdate' },
    });
    const batches = streams().map((stream) => ({ stream, events: eventsOf(stream, BATCH) }));
    const append = await speedOf(BATCHES * BATCH, async () => {
      for (const { stream, events } of batches) {
        await store.appendToStream(stream, events);
      }
    });
    const read = await speedOf(BATCHES * BATCH, async () => {
      for (const { stream } of batches) {
        if ((await store.readStream(stream)).events.length !== BATCH) throw new Error('not read back');
      }
    });
    return { append, read };
  };

  const outcomes = await attemptAlternately(ROUNDS + 1, { ours, theirs });
  const name = `batches of ${BATCH}, one at a time, to separate streams`;
  return [rowOf(`${name}: appended`, outcomes, 'append'), rowOf(`${name}: read stream by stream`, outcomes, 'read')];
}

/** The first round warms up. */
function rowOf(name: string, outcomes: Record<'ours' | 'theirs', Speeds[] | Error>, measured: keyof Speeds): Row {
  const speedIn = (outcome: Speeds[] | Error) =>
    outcome instanceof Error ? outcome : medianSpeed(outcome.slice(1).map(({ [measured]: speed }) => speed));
  const [ours, theirs] = [speedIn(outcomes.ours), speedIn(outcomes.theirs)];
  const comparable = !(ours instanceof Error) && !(theirs instanceof Error);
  return {
    name,
    ours: rateOrFailure(ours),
    bare: `emmett-sqlite ${PACKAGES[STORE]} ${rateOrFailure(theirs)}`,
    ...(comparable && { ratio: ours.perSecond / theirs.perSecond }),
  };
}

async function install(): Promise<Emmett> {
  const require = createRequire(folderOfPackages);
  try {
    return require(STORE) as Emmett; // as its version is pinned
  } catch {
    console.log('  installing emmett, which compiles SQLite if no prebuilt binary exists …');
  }
  await mkdir(folderOfPackages, { recursive: true });
  const manifest = { private: true, dependencies: PACKAGES, allowScripts: { sqlite3: true } };
  await writeFile(`${folderOfPackages}package.json`, JSON.stringify(manifest));
  await promisify(execFile)('npm', ['install', '--no-audit', '--no-fund'], { cwd: folderOfPackages });
  return require(STORE) as Emmett;
}
