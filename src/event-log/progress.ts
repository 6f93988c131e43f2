import type { LogPlace } from './place.js';

/** Up to where all that was given out of the log is settled, whatever the order in which that comes about. */
export class Progress {
  readonly #open: { place: LogPlace; settled: boolean }[] = [];
  #place: LogPlace | undefined;

  constructor(place: LogPlace | undefined) {
    this.#place = place;
  }

  /** The place of the last entry before which there is none unsettled. */
  get place(): LogPlace | undefined {
    return this.#place;
  }

  /** Entries from the first unsettled one on. */
  get size(): number {
    return this.#open.length;
  }

  /** Begins with the next entry; gives the way to settle it. */
  add(place: LogPlace): () => void {
    const entry = { place, settled: false };
    this.#open.push(entry);
    return () => {
      entry.settled = true;
      this.#advance();
    };
  }

  /** There is nothing to do with the next entry. */
  pass(place: LogPlace): void {
    if (this.#open.length === 0) this.#place = place;
    else this.#open.push({ place, settled: true });
  }

  #advance(): void {
    let settled = 0;
    for (const entry of this.#open) {
      if (!entry.settled) break;
      this.#place = entry.place;
      settled += 1;
    }
    if (settled > 0) this.#open.splice(0, settled);
  }
}
