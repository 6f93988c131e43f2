import type { Sql } from '../../store/store.js';
import { IdSet } from './id-set.js';

/** The number of events among which repeated ones are detected. After a crash, a relay publishes at most the 1,000
 *  unconfirmed events of its store again. */
const LIMIT = 50_000;

/** Texts of 80 KB: the allocator keeps the memory of larger ones apart. */
const IDS_PER_ROW = 2_000;

/** Ids by source. */
export type SourcedIds = Readonly<Record<string, readonly string[]>>;

interface Chunk {
  number: number;
  size: number;
}

/** The ids of the last events of a reader. A log contains an event again if its publisher did not receive the confirm. */
export class RecentIds {
  // two generations, the older of which is dropped as a whole: deleting the oldest entry of a set takes longer each time
  #newer = new IdSet();
  #older = new IdSet();
  /** The number of each source. */
  readonly #sources = new Map<string, number>();
  /** Added since the last `take`. */
  #added: Record<string, string[]> = {};
  #chunks: readonly Chunk[];

  private constructor(
    private readonly windows: number,
    stored: readonly { number: number; ids: SourcedIds }[],
  ) {
    for (const { ids } of stored) {
      for (const [source, each] of Object.entries(ids))
        for (const id of each) this.#newer.add(this.#numberOf(source), id);
    }
    this.#chunks = stored.map(({ number, ids }) => ({ number, size: sizeOf(ids) }));
  }

  static async load(sql: Sql, windows: number): Promise<RecentIds> {
    const rows = await sql<{ number: number; ids: string }>`
      SELECT number, ids FROM flotilla_window_recent WHERE windows = ${windows} ORDER BY number`;
    return new RecentIds(
      windows,
      rows.map(({ number, ids }) => ({ number: Number(number), ids: JSON.parse(ids) as SourcedIds })),
    );
  }

  /** Adds an id; false if it is known. */
  add(source: string, id: string): boolean {
    if (!this.#newer.add(this.#numberOf(source), id, this.#older)) return false;
    if (this.#newer.size >= LIMIT) {
      const oldest = this.#older;
      this.#older = this.#newer;
      this.#newer = oldest;
      oldest.clear();
    }
    (this.#added[source] ??= []).push(id);
    return true;
  }

  #numberOf(source: string): number {
    const known = this.#sources.get(source);
    if (known !== undefined) return known;
    const number = this.#sources.size + 1;
    this.#sources.set(source, number);
    return number;
  }

  /** Returns the ids that were added since the last call. */
  take(): SourcedIds {
    const added = this.#added;
    this.#added = {};
    return added;
  }

  /** Stores ids, and deletes the oldest ones. Returns a function to call after the commit. */
  async store(sql: Sql, ids: SourcedIds): Promise<() => void> {
    if (sizeOf(ids) === 0) return () => undefined;
    const chunks = [...this.#chunks];
    for (const part of split(ids)) {
      const chunk = { number: (chunks.at(-1)?.number ?? 0) + 1, size: sizeOf(part) };
      chunks.push(chunk);
      await sql`
        INSERT INTO flotilla_window_recent (windows, number, ids)
        VALUES (${this.windows}, ${chunk.number}, ${JSON.stringify(part)})`;
    }
    let total = chunks.reduce((sum, each) => sum + each.size, 0);
    while (total - (chunks[0]?.size ?? 0) >= LIMIT) total -= chunks.shift()?.size ?? 0;
    await sql`
      DELETE FROM flotilla_window_recent
      WHERE windows = ${this.windows} AND number < ${chunks[0]?.number ?? 0}`;
    return () => {
      this.#chunks = chunks;
    };
  }
}

/** Joins ids in order. */
export function joinIds(parts: readonly SourcedIds[]): SourcedIds {
  const joined: Record<string, string[]> = {};
  for (const part of parts) {
    for (const [source, ids] of Object.entries(part)) joined[source] = (joined[source] ?? []).concat(ids);
  }
  return joined;
}

/** Parts of at most `IDS_PER_ROW` ids. */
function* split(ids: SourcedIds): Generator<SourcedIds> {
  for (const [source, each] of Object.entries(ids))
    for (let at = 0; at < each.length; at += IDS_PER_ROW) yield { [source]: each.slice(at, at + IDS_PER_ROW) };
}

function sizeOf(ids: SourcedIds): number {
  return Object.values(ids).reduce((sum, { length }) => sum + length, 0);
}
