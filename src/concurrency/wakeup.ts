import { systemClock, type StartTimer } from './clock.js';

/** Wakes one waiting loop. Notifications while the loop is busy are kept as one, so that none is missed. */
export class Wakeup {
  #notified = false;
  #wake: (() => void) | undefined;

  constructor(private readonly after: StartTimer = systemClock.after) {}

  notify(): void {
    this.#notified = true;
    this.#wake?.();
  }

  /** Resolves with true at the next notification, immediately if there was one since the last wait, or with false after
   *  `timeout` milliseconds; `Infinity`: never. */
  async wait(timeout: number): Promise<boolean> {
    if (!this.#notified) {
      await new Promise<void>((resolve) => {
        const cancel = timeout === Infinity ? () => undefined : this.after(timeout, resolve);
        this.#wake = () => {
          cancel();
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
