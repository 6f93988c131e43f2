/** The progress of one source of events. */
export interface SourceProgress {
  /** The highest event time seen. */
  newest: number;
  /** When its last event arrived. */
  seenAt: number;
}

export interface StoredWatermark {
  /** Undefined before the first event. */
  value: number | undefined;
  sources: ReadonlyMap<string, SourceProgress>;
  /** When the last event arrived. */
  seenAt: number | undefined;
}

/** Idle sources have no effect on the watermark, and are forgotten when there are more sources than this. */
const MAX_IDLE_SOURCES = 100;

/** The time before which no more events are expected. It never moves back. It is the minimum over the active sources of
 *  (newest event time − grace). A source from which nothing has arrived for `idleAfter` is not active; if none is, the
 *  watermark is the wall clock − grace − idleAfter, so that the last window closes too. All times in milliseconds. */
export class Watermark {
  #value: number;
  #seenAt: number | undefined;
  readonly #sources: Map<string, SourceProgress>;
  readonly #held = new Set<string>();

  constructor(
    private readonly options: { grace: number; idleAfter: number },
    stored: StoredWatermark = { value: undefined, sources: new Map(), seenAt: undefined },
  ) {
    this.#value = stored.value ?? -Infinity;
    this.#seenAt = stored.seenAt;
    this.#sources = new Map(stored.sources);
  }

  get value(): number {
    return this.#value;
  }

  /** The latest arrival of an event. */
  get seenAt(): number | undefined {
    return this.#seenAt;
  }

  get stored(): StoredWatermark {
    const value = Number.isFinite(this.#value) ? this.#value : undefined;
    return { value, sources: this.#sources, seenAt: this.#seenAt };
  }

  /** Records an event that arrived at `at`, and advances the watermark. */
  observe(source: string, time: number, at: number): void {
    const known = this.#sources.get(source);
    if (known === undefined) {
      this.#sources.set(source, { newest: time, seenAt: at });
      if (this.#sources.size > MAX_IDLE_SOURCES) this.#forgetIdle(at);
    } else {
      known.newest = Math.max(known.newest, time);
      known.seenAt = Math.max(known.seenAt, at);
    }
    this.#seenAt = Math.max(this.#seenAt ?? at, at);
    this.advanceTo(this.at(at));
  }

  /** Keeps a source from becoming idle, because it has events that have not arrived. If none of its events has arrived,
   *  the watermark stays where it is. Not stored. */
  hold(source: string): void {
    this.#held.add(source);
  }

  /** Ends `hold`: all events of the source have arrived. It becomes idle `idleAfter` after this time. */
  release(source: string, at: number): void {
    const known = this.#sources.get(source);
    if (this.#held.delete(source) && known !== undefined) known.seenAt = Math.max(known.seenAt, at);
  }

  /** The value that it has at a time of the wall clock if no event arrives until then. */
  at(now: number): number {
    const { grace, idleAfter } = this.options;
    let oldest = Infinity;
    for (const source of this.#held) if (!this.#sources.has(source)) return this.#value;
    for (const [source, { newest, seenAt }] of this.#sources) {
      if (now - seenAt < idleAfter || this.#held.has(source)) oldest = Math.min(oldest, newest);
    }
    if (oldest !== Infinity) return Math.max(this.#value, oldest - grace);
    return this.#seenAt === undefined ? this.#value : Math.max(this.#value, now - grace - idleAfter);
  }

  /** The time of the wall clock, from `now` on, at which it reaches `value` if no event arrives until then; `Infinity`:
   *  never. */
  reachedAt(value: number, now: number): number {
    const { grace, idleAfter } = this.options;
    if (this.#value >= value) return now;
    if (this.#seenAt === undefined) return Infinity;
    for (const source of this.#held) if (!this.#sources.has(source)) return Infinity;
    const idleAt = (source: string, { seenAt }: SourceProgress) =>
      this.#held.has(source) ? Infinity : seenAt + idleAfter;
    const active = [...this.#sources].map(([source, progress]) => ({
      until: idleAt(source, progress),
      isBehind: progress.newest - grace < value,
    }));
    // when no source that is behind counts any more
    const from = Math.max(now, ...active.filter(({ isBehind }) => isBehind).map(({ until }) => until));
    const isLed = active.some(({ until, isBehind }) => !isBehind && until > from);
    return isLed ? from : Math.max(from, value + grace + idleAfter);
  }

  advanceTo(value: number): void {
    this.#value = Math.max(this.#value, value);
  }

  #forgetIdle(now: number): void {
    for (const [source, { seenAt }] of this.#sources) {
      if (now - seenAt >= this.options.idleAfter && !this.#held.has(source)) this.#sources.delete(source);
    }
  }
}
