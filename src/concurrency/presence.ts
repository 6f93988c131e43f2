/** Knows in memory whether something exists, so that the usual case, nothing, costs no query. As long as it is not certain, it
 *  may exist. */
export class Presence {
  #may = true;
  /** A look that began before the last change is outdated. */
  #changes = 0;
  #isLooking = false;

  /** `look` finds out whether it exists. */
  constructor(private readonly look: () => Promise<boolean>) {
    this.changed();
  }

  /** Whether it may exist. Reads memory only. */
  get may(): boolean {
    return this.#may;
  }

  /** It may exist from now on, until a look shows that it does not. */
  changed(): void {
    this.#may = true;
    this.#changes += 1;
    if (!this.#isLooking) void this.#findOut();
  }

  /** Never rejects: without an answer it may exist. */
  async #findOut(): Promise<void> {
    this.#isLooking = true;
    try {
      for (let looked = -1; looked !== this.#changes;) {
        looked = this.#changes;
        const exists = await this.look();
        if (looked === this.#changes) this.#may = exists;
      }
    } catch {
      // the next change looks again
    } finally {
      this.#isLooking = false;
    }
  }
}
