import type { LogPosition } from '../../event-log/positions/position.js';

/** Tracks the position up to which every entry is settled; entries may be settled in any order. */
export class Settlement {
  readonly #open: { position: LogPosition; settled: boolean }[] = [];
  #position: LogPosition | undefined;

  constructor(position: LogPosition | undefined) {
    this.#position = position;
  }

  /** The position of the last entry that has no unsettled entry before it. */
  get position(): LogPosition | undefined {
    return this.#position;
  }

  /** The number of entries from the first unsettled one. */
  get size(): number {
    return this.#open.length;
  }

  /** Adds the next entry; returns the function that settles it. */
  add(position: LogPosition): () => void {
    const entry = { position, settled: false };
    this.#open.push(entry);
    return () => {
      entry.settled = true;
      this.#advance();
    };
  }

  /** Adds the next entry as settled. */
  skip(position: LogPosition): void {
    if (this.#open.length === 0) this.#position = position;
    else this.#open.push({ position, settled: true });
  }

  #advance(): void {
    let settled = 0;
    for (const entry of this.#open) {
      if (!entry.settled) break;
      this.#position = entry.position;
      settled += 1;
    }
    if (settled > 0) this.#open.splice(0, settled);
  }
}
