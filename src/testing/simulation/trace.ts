/** The trace of a run, one line per event: time, process, event. */
export class Trace {
  readonly lines: string[] = [];

  constructor(
    /** Milliseconds since the run began. */
    private readonly elapsed: () => number,
    /** The length of the longest name. */
    private readonly width: number,
  ) {}

  add(who: string, what: string): void {
    const seconds = (this.elapsed() / 1000).toFixed(3).padStart(9);
    this.lines.push(`${seconds} s  ${who.padEnd(this.width)}  ${what}`);
  }

  /** An injected fault. */
  fault(who: string, what: string): void {
    this.add(who, `*** ${what}`);
  }
}
