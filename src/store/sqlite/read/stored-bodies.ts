import { existsSync } from 'node:fs';
import { FlotillaError } from '../../../errors.js';
import { archivePathOf } from '../archive/archive-file.js';
import { idAsText, idFromText } from '../tables/id-values.js';
import { TableScan } from './table-scan.js';

/** A message in the file of a store, not decoded. */
export interface StoredBody {
  /** `timer`: an event that a timer will append. */
  readonly from: 'store' | 'archive' | 'timer';
  readonly body: string;
  /** Returns its id, and its time in RFC 3339, as the store records them; only during the visit. */
  readonly about: () => { id: string; time: string };
}

type EventRow = [position: number, body: string];
type TimerRow = [id: string, body: string, due: number];

const EVENTS = `SELECT position, body FROM flotilla_events
  WHERE position > @after AND position <= @through ORDER BY position LIMIT +@limit`;
const EVENT = `SELECT ${idAsText('id')}, time FROM flotilla_events WHERE position = ?`;
const TIMERS = 'SELECT id, event, due FROM flotilla_timers WHERE id > @after ORDER BY id LIMIT +@limit';

/** Calls `visit` for every event in the file of a store and in its archive, each once, and for the events of its timers.
 *  Opens neither as a store: reads files of any release, changes nothing, and no process waits for it. Ends early when
 *  the signal aborts. Rejects with registered errors, such as `store.archive_missing`. */
export async function visitStoredBodies(
  path: string,
  signal: AbortSignal,
  visit: (stored: StoredBody) => void,
): Promise<void> {
  const store = new TableScan(path);
  const archive = new Archive(path);
  try {
    let positions = new Set<number>();
    let through = 0;
    await store.each<number, EventRow>(
      EVENTS,
      {
        after: 0,
        values: { through: Number.MAX_SAFE_INTEGER },
        signal,
        // the archive second: an event that is being archived is first in the store, then in both, then in the archive
        async between(last) {
          await archive.each({ after: through, through: last, except: positions, signal }, visit);
          [through, positions] = [last, new Set()];
        },
      },
      (row) => {
        positions.add(row[0]);
        visit(eventIn(store, 'store', row));
      },
    );
    await archive.each({ after: through, through: Number.MAX_SAFE_INTEGER, except: new Set(), signal }, visit);
    archive.requireAll(store);
    await store.each<string, TimerRow>(TIMERS, { after: '', signal }, ([id, body, due]) => {
      visit({ from: 'timer', body, about: () => ({ id, time: new Date(due).toISOString() }) });
    });
  } finally {
    store.close();
    archive.close();
  }
}

function eventIn(scan: TableScan, from: StoredBody['from'], [position, body]: EventRow): StoredBody {
  return {
    from,
    body,
    about() {
      const [id, time] = scan.row(EVENT, position) ?? [];
      return { id: idFromText(String(id)), time: new Date(Number(time)).toISOString() };
    },
  };
}

/** The positions of events in an archive. */
interface ArchivedRange {
  after: number;
  through: number;
  except: ReadonlySet<number>;
  signal: AbortSignal;
}

/** The archive of a store; its file may be created at any time. */
class Archive {
  readonly #path: string;
  #opened: TableScan | undefined;

  constructor(storePath: string) {
    this.#path = archivePathOf(storePath);
  }

  async each({ after, through, except, signal }: ArchivedRange, visit: (stored: StoredBody) => void): Promise<void> {
    const scan = this.#scan();
    await scan?.each<number, EventRow>(EVENTS, { after, values: { through }, signal }, (row) => {
      if (!except.has(row[0])) visit(eventIn(scan, 'archive', row));
    });
  }

  /** Throws `store.archive_missing` if the archive lacks events that the store has moved there. */
  requireAll(store: TableScan): void {
    const moved = store.has('flotilla_archived') ? store.row('SELECT MAX(position) FROM flotilla_archived') : undefined;
    const kept = this.#scan()?.row('SELECT MAX(position) FROM flotilla_events');
    if (Number(moved?.[0] ?? 0) > Number(kept?.[0] ?? 0)) {
      throw new FlotillaError('store.archive_missing', `${this.#path} lacks events that the store has moved there`);
    }
  }

  close(): void {
    this.#opened?.close();
  }

  #scan(): TableScan | undefined {
    if (this.#opened === undefined && existsSync(this.#path)) this.#opened = new TableScan(this.#path);
    return this.#opened;
  }
}
