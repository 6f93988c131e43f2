import type { Sql } from '../../store/store.js';
import { decodeIds, IdList, type EncodedIds } from './id-list.js';
import { IdSet } from './id-set.js';

/** The number of events, and of parts with an id, among which repeated ones are detected. After a crash, a relay publishes
 *  at most the 1,000 unconfirmed events of its store again. */
const LIMIT = 50_000;

/** Texts of 43 KB: the allocator keeps the memory of larger ones apart. */
const IDS_PER_ROW = 2_000;

/** A source, with the ids that were added since the last `take`. */
interface Source {
  number: number;
  event: IdList | undefined;
  part: IdList | undefined;
}

/** What an id identifies. Those of events and of parts are independent. */
export type IdKind = 'event' | 'part';

/** Ids of one kind and source. */
interface SourcedIds {
  kind: IdKind;
  source: string;
  ids: IdList;
}

interface Chunk {
  number: number;
  size: number;
}

type Chunks = Readonly<Record<IdKind, readonly Chunk[]>>;

interface Row {
  number: number;
  kind: IdKind;
  ids: string;
}

/** The last ids of one kind: two generations, the older of which is dropped as a whole. Deleting the oldest entry of a set
 *  takes longer each time. */
class Generations {
  #newer = new IdSet();
  #older = new IdSet();

  add(source: number, id: string): boolean {
    if (!this.#newer.add(source, id, this.#older)) return false;
    if (this.#newer.size < LIMIT) return true;
    [this.#newer, this.#older] = [this.#older, this.#newer];
    this.#newer.clear();
    return true;
  }
}

/** The ids of the last events of a reader, and of their parts. A log contains an event again if its publisher did not receive
 *  the confirm. */
export class RecentIds {
  readonly #known: Readonly<Record<IdKind, Generations>> = { event: new Generations(), part: new Generations() };
  readonly #sources = new Map<string, Source>();
  #chunks: Chunks;

  private constructor(
    private readonly windows: number,
    stored: readonly Row[],
  ) {
    const chunks: Record<IdKind, Chunk[]> = { event: [], part: [] };
    for (const { number, kind, ids: json } of stored) {
      let size = 0;
      for (const [source, encoded] of Object.entries(JSON.parse(json) as Record<string, EncodedIds>)) {
        const ids = decodeIds(encoded);
        for (const id of ids) this.#known[kind].add(this.#sourceOf(source).number, id);
        size += ids.length;
      }
      chunks[kind].push({ number: Number(number), size });
    }
    this.#chunks = chunks;
  }

  static async load(sql: Sql, windows: number): Promise<RecentIds> {
    const rows = await sql<Row>`
      SELECT number, kind, ids FROM flotilla_window_recent WHERE windows = ${windows} ORDER BY number`;
    return new RecentIds(windows, rows);
  }

  /** Adds an id; false if it is known. */
  add(kind: IdKind, source: string, id: string): boolean {
    const from = this.#sourceOf(source);
    if (!this.#known[kind].add(from.number, id)) return false;
    (from[kind] ??= new IdList()).add(id);
    return true;
  }

  #sourceOf(name: string): Source {
    const known = this.#sources.get(name);
    if (known !== undefined) return known;
    const source = { number: this.#sources.size + 1, event: undefined, part: undefined };
    this.#sources.set(name, source);
    return source;
  }

  /** Returns the ids that were added since the last call. */
  take(): readonly SourcedIds[] {
    const added: SourcedIds[] = [];
    for (const [source, from] of this.#sources) {
      for (const kind of ['event', 'part'] as const) {
        const ids = from[kind];
        if (ids !== undefined) added.push({ kind, source, ids });
        from[kind] = undefined;
      }
    }
    return added;
  }

  /** Stores ids in order, and deletes the oldest ones. Returns a function to call after the commit. */
  async store(sql: Sql, taken: readonly SourcedIds[]): Promise<() => void> {
    const chunks = { event: [...this.#chunks.event], part: [...this.#chunks.part] };
    let last = Math.max(chunks.event.at(-1)?.number ?? 0, chunks.part.at(-1)?.number ?? 0);
    for (const { kind, source, ids } of joined(taken)) {
      for (const row of ids.rows(IDS_PER_ROW)) {
        last += 1;
        chunks[kind].push({ number: last, size: row.size });
        await sql`
          INSERT INTO flotilla_window_recent (windows, number, kind, ids)
          VALUES (${this.windows}, ${last}, ${kind}, ${JSON.stringify({ [source]: row.ids })})`;
      }
    }
    for (const kind of new Set(taken.map((each) => each.kind))) await this.#deleteOldest(sql, kind, chunks[kind]);
    return () => {
      this.#chunks = chunks;
    };
  }

  async #deleteOldest(sql: Sql, kind: IdKind, chunks: Chunk[]): Promise<void> {
    let total = chunks.reduce((sum, each) => sum + each.size, 0);
    let old = 0;
    for (const { size } of chunks) {
      if (total - size < LIMIT) break;
      total -= size;
      old += 1;
    }
    if (old === 0) return;
    chunks.splice(0, old);
    await sql`
      DELETE FROM flotilla_window_recent
      WHERE windows = ${this.windows} AND kind = ${kind} AND number < ${chunks[0]?.number ?? 0}`;
  }
}

/** Joins ids of one kind and source. */
function joined(taken: readonly SourcedIds[]): Iterable<SourcedIds> {
  const all = new Map<string, SourcedIds>();
  for (const { kind, source, ids } of taken) {
    const name = `${kind} ${source}`;
    const known = all.get(name) ?? { kind, source, ids: new IdList() };
    all.set(name, known);
    known.ids.addAll(ids);
  }
  return all.values();
}
