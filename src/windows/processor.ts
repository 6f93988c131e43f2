import type { DeriveId } from '../events/ids.js';
import { failpoint } from '../failpoints.js';
import type { Store, Tx } from '../store/store.js';
import type { WindowsDefinition } from './definition.js';
import type { ArrivingEvent } from './engine/arriving-event.js';
import { WindowEngine, type Arrival, type WindowInput } from './engine/engine.js';
import type { Segment } from './engine/segment.js';
import { endsOf } from './shapes.js';
import { newestPane, paneStarts, readPane } from './state/panes-table.js';
import { RecentIds } from './state/recent-ids.js';
import { requireProgress } from './state/require-progress.js';
import { SegmentWriter, TooManyResults, type Written } from './state/segment-writer.js';
import { prepareWindows, type Cursor, type WindowsRow } from './state/windows-table.js';

/** An entry of a source. Without `event` it only moves the position. */
export interface Incoming<Position> {
  position: Position;
  event?: ArrivingEvent | undefined;
}

/** Runs `write` in a transaction of the store that also moves the position of the source. Resolves with false, without a
 *  change, if another process has moved it. */
export type Commit<Position> = (position: Position, write: (tx: Tx) => Promise<void>) => Promise<boolean>;

export interface ProcessorOptions<Position> {
  store: Store;
  definition: WindowsDefinition;
  deriveId: DeriveId;
  /** Milliseconds since the epoch. */
  now: () => number;
  /** The stored position of the source; undefined before the first entry. */
  position: Position | undefined;
  commit: Commit<Position>;
  /** Called after each commit. */
  onWritten?: (written: Written) => void;
  /** Panes in memory. @default 50000 */
  cacheLimit?: number;
  /** See `SegmentWriter`. */
  resultsPerTransaction?: number;
}

/** Changed panes and late events in memory before they are written: a transaction with so many takes about 0.1 s. */
const MAX_CHANGES = 20_000;
/** Parts of events that are in memory before they are applied. */
const MAX_READ = 5_000;
/** Segments of one transaction. */
const MAX_SEGMENTS = 100;
/** Milliseconds after which state without results is written. */
export const STATE_INTERVAL_MS = 1_000;

/** A transaction that begins to emit the results of closed windows at a place must end at a later one. */
function requireMoved(from: Cursor | undefined, to: Cursor | undefined): void {
  if (from === undefined || to === undefined) return;
  requireProgress(to.end > from.end || (to.end === from.end && to.key !== from.key), `the result of ${to.key}`);
}

/** A part of the work with the position after it and the ids of its events. */
interface Work<Position> {
  segment: Segment;
  position: Position;
  ids: ReturnType<RecentIds['take']>;
}

/** Groups entries, so that each group has few more parts than `MAX_READ`. */
function* chunksOf<Position>(entries: Iterable<Incoming<Position>>): Generator<Incoming<Position>[]> {
  let read: Incoming<Position>[] = [];
  let size = 0;
  for (const entry of entries) {
    read.push(entry);
    size += entry.event?.parts.length ?? 0;
    if (size < MAX_READ) continue;
    yield read;
    read = [];
    size = 0;
  }
  yield read;
}

/** Applies the entries of a source to the windows of one definition. State, watermark, results and the position of the
 *  source change in one transaction: after a crash, work continues from the last one. One call at a time. */
export class WindowProcessor<Position> {
  #position: Position | undefined;
  #committed: Position | undefined;
  #work: Work<Position>[] = [];
  #closing: Cursor | undefined;
  #limit = MAX_SEGMENTS;
  #writtenAt: number;
  #earlyAt: number;
  readonly #writer: SegmentWriter;

  private constructor(
    private readonly options: ProcessorOptions<Position>,
    private readonly row: Pick<WindowsRow, 'id' | 'rewinds'>,
    readonly engine: WindowEngine,
    private readonly recent: RecentIds,
  ) {
    const { definition, store, deriveId, now, position, resultsPerTransaction } = options;
    this.#position = position;
    this.#committed = position;
    this.#writtenAt = now();
    this.#earlyAt = now();
    const { service } = store;
    const { id: windows, rewinds } = row;
    this.#writer = new SegmentWriter(definition, { windows, rewinds, service, deriveId, now, resultsPerTransaction });
  }

  /** The position after the last applied entry. */
  get position(): Position | undefined {
    return this.#position;
  }

  /** Loads the state, and emits the rest of the results of closed windows. Throws `windows.changed`. */
  static async open<Position>(options: ProcessorOptions<Position>): Promise<WindowProcessor<Position>> {
    const { store, definition, now, position, cacheLimit } = options;
    const row = await prepareWindows(store, definition, now());
    const { watermark, closing } = row;
    const from =
      Math.min(watermark.value ?? Number.MIN_SAFE_INTEGER, closing?.end ?? Infinity) - definition.window.size;
    const starts = await paneStarts(store.query, row.id, Math.max(from, Number.MIN_SAFE_INTEGER));
    const openStarts = starts.filter((start) =>
      endsOf(definition.window, start).some((end) => end > (watermark.value ?? -Infinity)),
    );
    const newestStart = await newestPane(store.query, row.id);
    const engine = new WindowEngine(definition, {
      watermark,
      openStarts,
      newestStart,
      ...(cacheLimit && { cacheLimit }),
    });
    const recent = await RecentIds.load(store.query, row.id);
    const processor = new WindowProcessor(options, row, engine, recent);
    if (closing !== undefined && position !== undefined) await processor.#resume(row, closing, starts, position);
    return processor;
  }

  /** Applies entries in order. `arrival` returns when a part of an event arrived. Throws `FoldFailure`; the
   *  processor must not be used afterwards. */
  async apply(entries: Iterable<Incoming<Position>>, arrival: (input: WindowInput) => Arrival): Promise<void> {
    for (const read of chunksOf(entries)) {
      await this.#load(read);
      for (const { position, event } of read) {
        const isClosing = event !== undefined && this.#add(event, arrival);
        this.#position = position;
        if (isClosing || this.engine.changes >= MAX_CHANGES) this.#cut(position);
        if (this.#work.length >= this.#limit) await this.flush();
      }
    }
    const { now } = this.options;
    if (this.#work.length > 0 || now() - this.#writtenAt >= STATE_INTERVAL_MS) await this.flush();
    this.engine.trim();
  }

  /** Closes windows by the wall clock: every event that was published before `complete` has been applied. Emits early
   *  results, and writes state that is due. */
  async tick(complete: number | undefined): Promise<void> {
    const now = this.options.now();
    const { early } = this.options.definition;
    let isDue = complete !== undefined && this.engine.tick(complete);
    if (early !== undefined && now - this.#earlyAt >= early) {
      this.#earlyAt = now;
      isDue = this.engine.emitEarly() || isDue;
    }
    if (isDue || now - this.#writtenAt >= STATE_INTERVAL_MS) await this.flush();
  }

  /** The time of the wall clock, from `now` on, at which `tick` has something to do, if no event arrives until then;
   *  `Infinity`: never. */
  dueAt(now: number): number {
    const { early = Infinity } = this.options.definition;
    const isWritten = !this.engine.hasChanges && this.#committed === this.#position;
    return Math.min(
      this.engine.closesAt(now),
      this.engine.hasEarly ? this.#earlyAt + early : Infinity,
      isWritten ? Infinity : this.#writtenAt + STATE_INTERVAL_MS,
    );
  }

  /** Writes everything. */
  async flush(): Promise<void> {
    const position = this.#position;
    if (position === undefined) return;
    const last = this.#work.at(-1);
    if (this.engine.hasChanges || (last === undefined ? this.#committed : last.position) !== position)
      this.#cut(position);
    while (this.#work.length > 0) if (!(await this.#commit())) break;
    this.#writtenAt = this.options.now();
  }

  #add({ id, source, parts }: ArrivingEvent, arrival: (input: WindowInput) => Arrival): boolean {
    if (!this.recent.add('event', source, id)) return false;
    const inputs: WindowInput[] = [];
    let last: Arrival | undefined;
    for (const part of parts) {
      if (part.id !== undefined && !this.recent.add('part', source, part.id)) continue;
      last = arrival(part.input);
      if (part.refusal === undefined) inputs.push(part.input);
      else this.engine.refuse(part.input, part.refusal, last.now);
    }
    return last !== undefined && this.engine.apply(inputs, last);
  }

  /** Loads the stored panes of the entries. */
  async #load(entries: readonly Incoming<Position>[]): Promise<void> {
    const { store } = this.options;
    const missing = new Map<string, { start: number; key: string }>();
    for (const { event } of entries) {
      for (const { input, refusal } of event?.parts ?? []) {
        const pane = refusal === undefined ? this.engine.missing(input) : undefined;
        if (pane !== undefined) missing.set(`${pane.start} ${pane.key}`, pane);
      }
    }
    for (const { start, key } of missing.values()) {
      const pane = await readPane(store.query, this.row.id, start, key);
      if (pane !== undefined) this.engine.load(pane);
    }
  }

  #cut(position: Position): void {
    this.#work.push({ segment: this.engine.cut(), position, ids: this.recent.take() });
  }

  /** Commits some of the work; false if another process has taken over. */
  async #commit(): Promise<boolean> {
    const part = this.#work.slice(0, this.#limit);
    const last = part.at(-1);
    if (last === undefined) return true;
    const ids = part.slice(this.#closing === undefined ? 0 : 1).flatMap((work) => work.ids);
    const done: { written?: Written; remember?: () => void } = {};
    try {
      const isCommitted = await this.options.commit(last.position, async (tx) => {
        const segments = part.map(({ segment }) => segment);
        done.written = await this.#writer.write(tx, segments, this.#closing);
        done.remember = await this.recent.store(tx.sql, ids);
        failpoint('windows.applied');
      });
      if (!isCommitted) return false;
    } catch (error) {
      if (!(error instanceof TooManyResults)) throw error;
      this.#limit = error.segment + 1;
      return true;
    }
    failpoint('windows.committed');
    done.remember?.();
    this.#committed = last.position;
    requireMoved(this.#closing, done.written?.closing);
    this.#closing = done.written?.closing;
    this.#work = [...(this.#closing === undefined ? [] : [last]), ...this.#work.slice(part.length)];
    this.#limit = Math.min(MAX_SEGMENTS, this.#limit * 2);
    if (done.written !== undefined) this.options.onWritten?.(done.written);
    return true;
  }

  /** Continues with the results of closed windows where the last transaction ended. */
  async #resume(
    { watermark }: WindowsRow,
    closing: Cursor,
    starts: readonly number[],
    position: Position,
  ): Promise<void> {
    const { window } = this.options.definition;
    const ends = new Set(starts.flatMap((start) => endsOf(window, start)));
    const pending = [...ends].filter((end) => end >= closing.end && end <= (watermark.value ?? -Infinity));
    const segment: Segment = {
      ...{ panes: [], late: [], changed: [], watermark },
      ends: pending.sort((a, b) => a - b),
    };
    this.#work = [{ segment, position, ids: [] }];
    this.#closing = closing;
    while (this.#work.length > 0) if (!(await this.#commit())) break;
  }
}
