/** Wakes one waiting loop. Notifications while the loop is busy are kept as one, so that none is missed. */
export class Wakeup {
  #notified = false;
  #wake: (() => void) | undefined;

  notify(): void {
    this.#notified = true;
    this.#wake?.();
  }

  /** Resolves with true at the next notification, immediately if there was one since the last wait, or with false after
   *  `timeout` milliseconds. */
  async wait(timeout: number): Promise<boolean> {
    if (!this.#notified) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, timeout);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      this.#wake = undefined;
    }
    const notified = this.#notified;
    this.#notified = false;
    return notified;
  }
}
