/** Detects work that awaits something other than its transaction. Work that awaits settled promises completes within
 *  the same turn of the event loop, however long it takes; if the loop turns before, the work has awaited something
 *  else, and would hold the write lock for as long as that takes. One immediate watches a whole group. */
export class Watchdog {
  #immediate: NodeJS.Immediate | undefined;
  #turned: (() => void) | undefined;

  start(): void {
    this.#immediate = setImmediate(() => {
      this.#turned?.();
      this.start();
    });
  }

  stop(): void {
    clearImmediate(this.#immediate);
    this.#turned = undefined;
  }

  /** Resolves with the result of `running`, or of `otherwise` if the event loop turns first. */
  limit<T>(running: Promise<T>, otherwise: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#turned = () => {
        resolve(otherwise());
      };
      running.then(resolve, reject);
    });
  }
}
