import type { StreamMetadata } from '../../store.js';
import type { Connection, Statement } from '../connection.js';
import type { NameCache } from './name-cache.js';

/** Reads the metadata of streams. */
export class MetadataReader {
  readonly #find: Statement;

  constructor(db: Connection) {
    this.#find = db
      .prepare<unknown[]>(
        `SELECT metadata FROM flotilla_stream_metadata WHERE stream = (SELECT id FROM flotilla_streams WHERE name = ?)`,
      )
      .pluck();
  }

  of(stream: string): StreamMetadata | undefined {
    const text = this.#find.get(stream);
    return typeof text === 'string' ? (JSON.parse(text) as StreamMetadata) : undefined;
  }
}

/** Writes the metadata of streams. Works inside the open transaction. */
export class MetadataKeeper {
  readonly #save: Statement;

  constructor(
    db: Connection,
    private readonly streams: NameCache,
  ) {
    this.#save = db.prepare<unknown[]>(
      `INSERT INTO flotilla_stream_metadata (stream, metadata) VALUES (?, ?)
       ON CONFLICT DO UPDATE SET metadata = excluded.metadata`,
    );
  }

  /** Throws a `RangeError` for an invalid retention. */
  set(stream: string, metadata: StreamMetadata): void {
    const { keep = 0, olderThan = 0 } = metadata.retention ?? {};
    if (!Number.isSafeInteger(keep) || keep < 0 || !Number.isFinite(olderThan) || olderThan < 0) {
      throw new RangeError(`Retention of ${stream}: keep is a count, olderThan a duration in milliseconds`);
    }
    this.#save.run(this.streams.keyOf(stream), JSON.stringify(metadata));
  }
}
