import type { Connection } from '../connection.js';

interface Page {
  /** The last key examined; undefined if the table ends before the batch is full. */
  last: { consumer: number; id: Buffer } | undefined;
  old: boolean;
}

/** Scans the inbox by its key, in batches. An index on the time would add a second write to every inbox row; without
 *  one, deleting the next thousand old rows would scan the whole table each time. */
export class InboxPurge {
  constructor(
    private readonly reader: Connection,
    private readonly writer: Connection,
    private readonly pageSize = 2_000,
  ) {}

  /** Deletes rows older than `before`; `commit` runs each batch in a transaction. Returns how many. */
  async run(before: number, commit: (erase: () => number) => Promise<number>): Promise<number> {
    let erased = 0;
    for (const table of ['flotilla_inbox', 'flotilla_started'] as const) {
      const erase = this.writer.prepare<unknown[]>(
        `DELETE FROM ${table} WHERE (consumer, id) > (?, ?) AND (consumer, id) <= (?, ?) AND at < ?`,
      );
      let from: { consumer: number; id: Buffer } | undefined = { consumer: 0, id: Buffer.alloc(0) };
      while (from !== undefined) {
        const start: { consumer: number; id: Buffer } = from;
        const { last, old } = this.#readPage(table, start, before);
        if (last !== undefined && old) {
          erased += await commit(() => erase.run(start.consumer, start.id, last.consumer, last.id, before).changes);
        }
        from = last;
      }
    }
    return erased;
  }

  #readPage(table: string, from: { consumer: number; id: Buffer }, before: number): Page {
    const rows = this.reader
      .prepare<unknown[]>(
        `SELECT consumer, id, at FROM ${table} WHERE (consumer, id) > (?, ?) ORDER BY consumer, id LIMIT +?`,
      )
      .all(from.consumer, from.id, this.pageSize) as { consumer: number; id: Buffer; at: number }[];
    return { last: rows.at(-1), old: rows.some(({ at }) => at < before) };
  }
}
