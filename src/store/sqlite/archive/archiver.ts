import { setImmediate } from 'node:timers/promises';
import { failpoint } from '../../../failpoints.js';
import type { Archived, StreamMetadata } from '../../store.js';
import type { ArchiveFile } from './archive-file.js';
import type { Connection, Statement } from '../connection.js';
import type { History } from '../read/history.js';
import type { Writer } from '../write/writer.js';

/** Events that are moved at once: how long the event loop and the other writers are held up. */
const PORTION = 250;
/** Streams that are looked at before the event loop turns. */
const STREAMS = 100;
/** Whose checkpoint says what has been handed over to the broker. */
const RELAY = 'relay';

export interface ArchiverOptions {
  reader: Connection;
  history: History;
  file: ArchiveFile;
  /** Runs a step that changes nothing of the store, again where a file is busy; not once the store is closed. */
  read: <T>(step: () => T) => Promise<T>;
  /** Runs a step in a transaction of the store, and resolves when it is committed. */
  commit: <T>(step: (writer: Writer) => T) => Promise<T>;
}

/**
 * Moves events to the archive, portion by portion: copied and synced there, then recorded and deleted here in one
 * transaction. Whatever interrupts it, every event is in one of the files, and doing it again goes on where it stopped.
 * Several processes may do it at once.
 */
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
    // the last one up to `through` that is not the last of its stream, and that the relay has passed without deferring it or
    // one before it
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
      const portion = await read(() => history.stream(stream, at, Math.min(PORTION, last - at)));
      const end = portion.at(-1);
      if (end === undefined) break;
      await read(() => {
        file.copy(stream, portion, { through: history.archivedThrough() });
      });
      failpoint('store.archive_copied');
      moved += await commit((writer) => writer.archived.moved(stream, end));
      failpoint('store.archived');
      at = end.version;
    }
    return { moved, through: await this.#through(stream) };
  }

  /** Archives what the retention of the streams that have one lets go; gives how many events. */
  async retain(now: number): Promise<number> {
    let moved = 0;
    let rows: { key: number; name: string; metadata: string }[];
    for (let after = 0; ; after = rows.at(-1)?.key ?? 0) {
      const from = after;
      rows = await this.options.read(() => this.#noted.all(from, STREAMS) as typeof rows);
      for (const { name, metadata } of rows) {
        const { retention } = JSON.parse(metadata) as StreamMetadata;
        if (retention !== undefined) moved += await this.#retainStream(name, retention, now);
      }
      if (rows.length < STREAMS) return moved;
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
