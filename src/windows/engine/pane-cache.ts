/** The state of one key in one pane. */
export interface Pane {
  readonly start: number;
  readonly key: string;
  /** The events in `state`. */
  count: number;
  /** The events that arrived after a window that contains them had been closed. */
  late: number;
  state: unknown;
}

/** Panes in memory, of those that are stored; changed panes stay until they are stored. */
export class PaneCache {
  /** By start and key. */
  readonly #starts = new Map<number, Map<string, Pane>>();
  /** Starts after the newest stored one whose panes were evicted. */
  readonly #evicted = new Set<number>();
  #size = 0;

  constructor(
    /** The start of the newest stored pane. */
    private readonly newestStored: number,
    /** Maximum number of panes after `trim`. */
    private readonly limit: number,
  ) {}

  get(start: number, key: string): Pane | undefined {
    return this.#starts.get(start)?.get(key);
  }

  /** Whether the pane is not in memory and may be stored. */
  isMissing(start: number, key: string): boolean {
    return (start <= this.newestStored || this.#evicted.has(start)) && this.get(start, key) === undefined;
  }

  add(pane: Pane): void {
    const panes = this.#starts.get(pane.start) ?? new Map<string, Pane>();
    if (panes.size === 0) this.#starts.set(pane.start, panes);
    if (!panes.has(pane.key)) this.#size += 1;
    panes.set(pane.key, pane);
  }

  /** Forgets the oldest of the panes that are not `kept` until half of the limit is met, and what it knows of panes before
   *  `horizon`. */
  trim(isKept: (pane: Pane) => boolean, horizon: number): void {
    for (const start of this.#evicted) if (start < horizon) this.#evicted.delete(start);
    if (this.#size <= this.limit) return;
    const enough = Math.floor(this.limit / 2);
    for (const [start, panes] of this.#starts) {
      for (const [key, pane] of panes) {
        if (this.#size <= enough) return;
        if (isKept(pane)) continue;
        panes.delete(key);
        this.#evicted.add(start);
        this.#size -= 1;
      }
      if (panes.size === 0) this.#starts.delete(start);
    }
  }
}
