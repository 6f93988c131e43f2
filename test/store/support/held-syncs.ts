import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

/** The syncs of stores that this process opens from now on wait for `release`. */
export class HeldSyncs {
  readonly #real = fs.fdatasync;
  #held: (() => void)[] = [];
  #error: NodeJS.ErrnoException | undefined;

  constructor() {
    fs.fdatasync = ((descriptor: number, callback: (error: NodeJS.ErrnoException | null) => void) => {
      this.#held.push(() =>
        this.#error === undefined ? this.#real.call(fs, descriptor, callback) : callback(this.#error),
      );
    }) as typeof fs.fdatasync;
    syncBuiltinESMExports();
  }

  get count(): number {
    return this.#held.length;
  }

  fail(): void {
    this.#error = Object.assign(new Error('EIO: i/o error, fdatasync'), { code: 'EIO' });
    this.release();
  }

  release(): void {
    for (const run of this.#held.splice(0)) run();
  }

  /** Releases every sync until the promise settles. */
  async releaseUntil<T>(done: Promise<T>): Promise<T> {
    const timer = setInterval(() => this.release(), 1);
    return done.finally(() => clearInterval(timer));
  }

  restore(): void {
    fs.fdatasync = this.#real;
    syncBuiltinESMExports();
    this.release();
  }
}
