/** Differences between the system time and the monotonic clock that count as a jump, in milliseconds. */
const TOLERANCE_MS = 60_000;

/** Recognizes that the system time was set forward or back, or that the machine was suspended, since the last call. */
export class ClockJumps {
  #offset: number | undefined;

  constructor(
    private readonly wall: () => number = Date.now,
    private readonly elapsed: () => number = () => performance.now(),
  ) {}

  /** By how many milliseconds the system time has jumped; 0 for less than a minute and at the first call. */
  take(): number {
    const offset = this.wall() - this.elapsed();
    const jump = offset - (this.#offset ?? offset);
    this.#offset = offset;
    return Math.abs(jump) < TOLERANCE_MS ? 0 : jump;
  }
}
