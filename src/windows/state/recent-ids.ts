import type { Sql } from '../../store/store.js';

/** The number of events among which repeated ones are detected. After a crash, a relay publishes at most the 1,000
 *  unconfirmed events of its store again. */
const LIMIT = 50_000;

interface Chunk {
  number: number;
  size: number;
}

/** The ids of the last events of a reader. A log contains an event again if its publisher did not receive the confirm. */
export class RecentIds {
  readonly #ids: Set<string>;
  #chunks: readonly Chunk[];

  private constructor(
    private readonly windows: number,
    stored: readonly { number: number; ids: readonly string[] }[],
  ) {
    this.#ids = new Set(stored.flatMap(({ ids }) => ids));
    this.#chunks = stored.map(({ number, ids }) => ({ number, size: ids.length }));
  }

  static async load(sql: Sql, windows: number): Promise<RecentIds> {
    const rows = await sql<{ number: number; ids: string }>`
      SELECT number, ids FROM flotilla_window_recent WHERE windows = ${windows} ORDER BY number`;
    return new RecentIds(
      windows,
      rows.map(({ number, ids }) => ({ number: Number(number), ids: JSON.parse(ids) as string[] })),
    );
  }

  /** Adds an id; false if it is known. */
  add(id: string): boolean {
    if (this.#ids.has(id)) return false;
    this.#ids.add(id);
    if (this.#ids.size > LIMIT)
      for (const oldest of this.#ids) {
        this.#ids.delete(oldest);
        break;
      }
    return true;
  }

  /** Stores ids that were added, and deletes the oldest ones. Returns a function to call after the commit. */
  async store(sql: Sql, ids: readonly string[]): Promise<() => void> {
    if (ids.length === 0) return () => undefined;
    const chunk = { number: (this.#chunks.at(-1)?.number ?? 0) + 1, size: ids.length };
    const chunks = [...this.#chunks, chunk];
    let total = chunks.reduce((sum, { size }) => sum + size, 0);
    while (total - (chunks[0]?.size ?? 0) >= LIMIT) total -= chunks.shift()?.size ?? 0;
    await sql`
      INSERT INTO flotilla_window_recent (windows, number, ids)
      VALUES (${this.windows}, ${chunk.number}, ${JSON.stringify(ids)})`;
    await sql`
      DELETE FROM flotilla_window_recent
      WHERE windows = ${this.windows} AND number < ${chunks[0]?.number ?? chunk.number}`;
    return () => {
      this.#chunks = chunks;
    };
  }
}
