/** Wakes one waiting loop. Rings while nobody waits are kept as one, so that nothing is missed in between. */
export class Wakeup {
  #rung = false;
  #wake: (() => void) | undefined;

  notify(): void {
    this.#rung = true;
    this.#wake?.();
  }

  /** Resolves at the next ring, at once if there was one since the last wait, or after `timeout` milliseconds. */
  async wait(timeout: number): Promise<void> {
    if (!this.#rung) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, timeout);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      this.#wake = undefined;
    }
    this.#rung = false;
  }
}
