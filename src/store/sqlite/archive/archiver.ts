import { setImmediate } from 'node:timers/promises';
import { failpoint } from '../../../failpoints.js';
import type { Archived, StreamMetadata } from '../../store.js';
import type { ArchiveFile } from './archive-file.js';
import type { Connection, Statement } from '../connection.js';
import type { History } from '../read/history.js';
import type { Writer } from '../write/writer.js';

/** Events moved per transaction; bounds how long the event loop and other writers are blocked. */
const EVENTS_PER_TRANSACTION = 250;
/** Streams examined per turn of the event loop. */
const STREAMS_PER_TURN = 100;
/** The checkpoint up to which events were published. */
const RELAY = 'relay';

export interface ArchiverOptions {
  reader: Connection;
  history: History;
  file: ArchiveFile;
  /** Runs a step that does not change the store; retries while a file is busy, until the store is closed. */
  read: <T>(step: () => T) => Promise<T>;
  /** Runs a step in a transaction of the store; resolves when it is committed. */
  commit: <T>(step: (writer: Writer) => T) => Promise<T>;
}

/** Moves events to the archive in batches: copies and syncs them there, then records and deletes them here in one
 *  transaction. After any interruption every event is in at least one of the files, and the next run continues.
 *  Several processes may archive at the same time. */
export class Archiver {
  readonly #archived: Statement;
  readonly #last: Statement;
  readonly #movable: Statement;
  readonly #young: Statement;
  readonly #noted: Statement;

  constructor(private readonly options: ArchiverOptions) {
    const { reader } = options;
    const value = (text: string) => reader.prepare<unknown[]>(text).pluck();
    const STREAM = '(SELECT id FROM flotilla_streams WHERE name = @stream)';
    this.#archived = value(`SELECT through FROM flotilla_archived WHERE stream = ${STREAM}`);
    // the last version up to `through` that is not the last of its stream, and that the relay has passed without
    // deferring it or an earlier one
    this.#movable = value(
      `SELECT version FROM flotilla_events
       WHERE stream = ${STREAM} AND version <= @through
         AND version < (SELECT version FROM flotilla_events WHERE stream = ${STREAM} ORDER BY version DESC LIMIT 1)
         AND +position <= COALESCE((SELECT position FROM flotilla_checkpoints WHERE name = '${RELAY}'), 0)
         AND ((SELECT MAX(position) FROM flotilla_relay_deferred) IS NULL OR version < COALESCE((
           SELECT version FROM flotilla_events WHERE stream = ${STREAM}
             AND +position IN (SELECT position FROM flotilla_relay_deferred) ORDER BY version LIMIT 1), 1 << 62))
       ORDER BY version DESC LIMIT 1`,
    );
    this.#last = value(`SELECT version FROM flotilla_events WHERE stream = ${STREAM} ORDER BY version DESC LIMIT 1`);
    this.#young = value(
      `SELECT version FROM flotilla_events WHERE stream = ${STREAM} AND version <= @through AND +time > @time
       ORDER BY version LIMIT 1`,
    );
    this.#noted = reader.prepare<unknown[]>(
      `SELECT m.stream AS key, s.name, m.metadata
       FROM flotilla_stream_metadata m CROSS JOIN flotilla_streams s ON s.id = m.stream
       WHERE m.stream > ? ORDER BY m.stream LIMIT +?`,
    );
  }

  async archive(stream: string, through: number): Promise<Archived> {
    const { history, file, read, commit } = this.options;
    const last = await this.#number(this.#movable, { stream, through });
    let at = await this.#through(stream);
    let moved = 0;
    while (at < last) {
      const batch = await read(() => history.stream(stream, at, Math.min(EVENTS_PER_TRANSACTION, last - at)));
      const end = batch.at(-1);
      if (end === undefined) break;
      await read(() => {
        file.copy(stream, batch, { through: history.archivedThrough() });
      });
      failpoint('store.archive_copied');
      moved += await commit((writer) => writer.archived.moved(stream, end));
      failpoint('store.archived');
      at = end.version;
    }
    return { moved, through: await this.#through(stream) };
  }

  /** Archives the events of all streams that their retention permits. Returns how many. */
  async retain(now: number): Promise<number> {
    let moved = 0;
    let rows: { key: number; name: string; metadata: string }[];
    for (let after = 0; ; after = rows.at(-1)?.key ?? 0) {
      const from = after;
      rows = await this.options.read(() => this.#noted.all(from, STREAMS_PER_TURN) as typeof rows);
      for (const { name, metadata } of rows) {
        const { retention } = JSON.parse(metadata) as StreamMetadata;
        if (retention !== undefined) moved += await this.#retainStream(name, retention, now);
      }
      if (rows.length < STREAMS_PER_TURN) return moved;
      await setImmediate();
    }
  }

  async #retainStream(
    stream: string,
    { keep, olderThan }: NonNullable<StreamMetadata['retention']>,
    now: number,
  ): Promise<number> {
    let through = (await this.#number(this.#last, { stream })) - keep;
    if (through <= 0) return 0;
    if (olderThan !== undefined) {
      const young = await this.#number(this.#young, { stream, through, time: now - olderThan });
      if (young > 0) through = young - 1;
    }
    return (await this.archive(stream, through)).moved;
  }

  #through(stream: string): Promise<number> {
    return this.#number(this.#archived, { stream });
  }

  #number(statement: Statement, values: Record<string, unknown>): Promise<number> {
    return this.options.read(() => Number(statement.get(values) ?? 0));
  }
}
