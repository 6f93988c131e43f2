import type { Tx } from '../../store/store.js';
import type { WindowsDefinition } from '../definition.js';
import type { LateEvent, Segment } from '../engine/segment.js';
import { contentOf, contentsOf, type Content } from './closing.js';
import { emitResult, type EmitOptions } from './emit.js';
import { requireCurrent } from './freeze.js';
import { insertLate, LATE_RETENTION_MS } from './late-table.js';
import { deletePanes, writePane } from './panes-table.js';
import { deleteRevisions, nextRevision } from './results-table.js';
import { saveWindows, type Added, type Cursor } from './windows-table.js';

/** Results of one transaction: they hold the write lock of the store for about 20 ms. */
const RESULTS_PER_TRANSACTION = 500;

/** Thrown where a segment before the last one has more results than a transaction takes. */
export class TooManyResults extends Error {
  constructor(readonly segment: number) {
    super('The segment needs transactions of its own');
  }
}

export interface WriterOptions extends EmitOptions {
  /** The id of the row of the version. */
  windows: number;
  /** The number of rewinds when the state was loaded. */
  rewinds: number;
  /** @default 500 */
  resultsPerTransaction?: number | undefined;
}

export interface Written {
  added: Added;
  /** Where to continue with the last segment, if not all of its results are emitted. */
  closing: Cursor | undefined;
  /** The late events of the segments. */
  late: readonly LateEvent[];
}

/** Writes segments in the transactions of the caller. */
export class SegmentWriter {
  constructor(
    private readonly definition: WindowsDefinition,
    private readonly options: WriterOptions,
  ) {}

  /** Writes the segments; the first one from `from`, if it was begun. If a segment has too many results, the transaction
   *  ends with the part of it that the result names, or throws `TooManyResults` if it is not the last one. Throws
   *  `windows.frozen` during the end of a rewind and after it: the state must be loaded again. */
  async write(tx: Tx, segments: readonly Segment[], from: Cursor | undefined): Promise<Written> {
    const { windows, rewinds, now } = this.options;
    await requireCurrent(tx.sql, windows, { now: now(), rewinds });
    const added: Added = { results: 0, corrections: 0, late: 0, refused: 0 };
    let closing: Cursor | undefined;
    for (const [index, segment] of segments.entries()) {
      const begun = index === 0 ? from : undefined;
      if (begun === undefined) await this.#writeChanges(tx, segment, added);
      closing = await this.#close(tx, segment, begun, added);
      if (closing !== undefined && index < segments.length - 1) throw new TooManyResults(index);
    }
    const last = segments.at(-1);
    if (last !== undefined) {
      await saveWindows(tx.sql, windows, { watermark: last.watermark, closing, added });
      if (closing === undefined) await this.#purge(tx, last);
    }
    return { added, closing, late: segments.slice(from === undefined ? 0 : 1).flatMap(({ late }) => late) };
  }

  async #writeChanges(tx: Tx, segment: Segment, added: Added): Promise<void> {
    const { windows } = this.options;
    for (const pane of segment.panes) await writePane(tx.sql, windows, pane);
    for (const event of segment.late) {
      await insertLate(tx.sql, windows, event);
      added[event.outcome === 'refused' ? 'refused' : 'late'] += 1;
    }
    for (const { key, end } of segment.changed) {
      const content = await contentOf(tx.sql, windows, this.definition, { key, end });
      if (content !== undefined) await this.#emit(tx, segment, { end, content, added });
    }
  }

  /** Emits the results of the closed windows; returns the last one if there are too many. */
  async #close(tx: Tx, segment: Segment, from: Cursor | undefined, added: Added): Promise<Cursor | undefined> {
    const { windows, resultsPerTransaction: limit = RESULTS_PER_TRANSACTION } = this.options;
    for (const end of segment.ends) {
      if (from !== undefined && end < from.end) continue;
      const after = from?.end === end ? from.key : '';
      for await (const content of contentsOf(tx.sql, windows, this.definition, { end, after })) {
        await this.#emit(tx, segment, { end, content, added });
        if (added.results >= limit) return { end, key: content.key };
      }
    }
    return undefined;
  }

  async #emit(
    tx: Tx,
    { watermark: { value: watermark = 0 } }: Segment,
    { end, content, added }: { end: number; content: Content; added: Added },
  ): Promise<void> {
    const revision = await this.#nextRevision(tx, end, content.key);
    const info = await emitResult(tx, this.definition, { end, content, revision, watermark }, this.options);
    added.results += 1;
    if (revision > 0 && info.final) added.corrections += 1;
  }

  /** Records another result of a window. Without corrections and early results there is one only. */
  async #nextRevision({ sql }: Tx, end: number, key: string): Promise<number> {
    const { late, early } = this.definition;
    if (late === 'ignore' && early === undefined) return 0;
    return nextRevision(sql, this.options.windows, end, key);
  }

  /** Deletes what no correction needs any more. */
  async #purge({ sql }: Tx, { watermark: { value } }: Segment): Promise<void> {
    if (value === undefined) return;
    const { windows, now } = this.options;
    const { window, correctFor } = this.definition;
    await deletePanes(sql, windows, value - window.size - correctFor);
    await deleteRevisions(sql, windows, value - correctFor);
    await sql`DELETE FROM flotilla_window_late WHERE windows = ${windows} AND at < ${now() - LATE_RETENTION_MS}`;
  }
}
