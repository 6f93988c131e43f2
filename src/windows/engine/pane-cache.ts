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
  readonly #panes = new Map<string, Pane>();
  /** Starts after the newest stored one whose panes were evicted. */
  readonly #evicted = new Set<number>();

  constructor(
    /** The start of the newest stored pane. */
    private readonly newestStored: number,
    /** Maximum number of panes after `trim`. */
    private readonly limit: number,
  ) {}

  get(start: number, key: string): Pane | undefined {
    return this.#panes.get(nameOf(start, key));
  }

  /** Whether the pane is not in memory and may be stored. */
  isMissing(start: number, key: string): boolean {
    return (start <= this.newestStored || this.#evicted.has(start)) && !this.#panes.has(nameOf(start, key));
  }

  add(pane: Pane): void {
    this.#panes.set(nameOf(pane.start, pane.key), pane);
  }

  /** Forgets the oldest of the panes that are not `kept` until the limit is met, and panes before `horizon`. */
  trim(isKept: (pane: Pane) => boolean, horizon: number): void {
    for (const start of this.#evicted) if (start < horizon) this.#evicted.delete(start);
    if (this.#panes.size <= this.limit) return;
    let excess = this.#panes.size - Math.floor(this.limit / 2);
    for (const [name, pane] of this.#panes) {
      if (excess <= 0) return;
      if (isKept(pane)) continue;
      this.#panes.delete(name);
      this.#evicted.add(pane.start);
      excess -= 1;
    }
  }
}

function nameOf(start: number, key: string): string {
  return `${start} ${key}`;
}
