import type { Consumer } from '../../broker/broker.js';
import type { Clock } from '../../concurrency/clock.js';
import { SerialQueue } from '../../concurrency/serial-queue.js';

/** Why a worker currently consumes nothing. */
export type PauseReason = 'circuit breaker' | 'error' | 'relay' | 'drain';

const FIRST_ERROR_PAUSE_MS = 250;
const LONGEST_ERROR_PAUSE_MS = 30_000;
const FORGET_ERRORS_AFTER_MS = 60_000;

/** A consumer of a queue or of the stream. */
type Source = Pick<Consumer, 'cancel' | 'resume'>;

/** Runs the consumers only while there is no reason to pause. Applies changes in order, so that a quick resume never
 *  overtakes a slow cancel. */
export class ConsumptionGate {
  #errors = 0;
  #lastErrorAt = -Infinity;
  #cancelErrorPause: (() => void) | undefined;
  #errorPauseUntil = 0;

  readonly #reasons = new Set<PauseReason>();
  readonly #listeners = new Set<() => void>();
  #prefetch: number;
  /** Slots of the full prefetch that the consumers leave to others. */
  #reserved = 0;
  #running = true;
  #runningPrefetch: number;
  readonly #changes = new SerialQueue();

  #sources: readonly Source[] = [];

  constructor(
    private readonly fullPrefetch: number,
    private readonly clock: Clock,
  ) {
    this.#prefetch = fullPrefetch;
    this.#runningPrefetch = fullPrefetch;
  }

  /** Sets the running consumers. Call once, before the first pause. */
  control(sources: readonly Source[]): void {
    this.#sources = sources;
  }

  get reasons(): readonly PauseReason[] {
    return [...this.#reasons];
  }

  /** Whether the consumers run with the full prefetch: neither paused, nor with a probe of the circuit breaker only. */
  get isOpen(): boolean {
    return this.#reasons.size === 0 && this.#prefetch === this.fullPrefetch;
  }

  /** Registers a listener, which is called at each pause and resume. Returns a function that unregisters it. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Leaves this many slots of the full prefetch to others; the consumers pause if none is left. Resolves when this is
   *  so. */
  reserve(slots: number): Promise<void> {
    this.#reserved = slots;
    return this.#apply();
  }

  /** Milliseconds until the pause after an error ends; undefined without such a pause. */
  get errorPauseLeft(): number | undefined {
    return this.#cancelErrorPause === undefined ? undefined : Math.max(0, this.#errorPauseUntil - this.clock.elapsed());
  }

  /** Resolves when deliveries have stopped. */
  pause(reason: PauseReason): Promise<void> {
    this.#reasons.add(reason);
    this.#changed();
    return this.#apply();
  }

  /** Resolves when consumption has resumed, or immediately if another reason remains. */
  resume(reason: PauseReason, prefetch = this.#prefetch): Promise<void> {
    this.#reasons.delete(reason);
    this.#prefetch = prefetch;
    this.#changed();
    return this.#apply();
  }

  /** Pauses after an error of the worker's own store or broker; longer after each consecutive error. */
  pauseAfterError(): void {
    const now = this.clock.elapsed();
    this.#errors = now - this.#lastErrorAt > FORGET_ERRORS_AFTER_MS ? 1 : this.#errors + 1;
    this.#lastErrorAt = now;
    if (this.#cancelErrorPause !== undefined) return;
    void this.pause('error');
    const pause = Math.min(FIRST_ERROR_PAUSE_MS * 2 ** (this.#errors - 1), LONGEST_ERROR_PAUSE_MS);
    this.#errorPauseUntil = now + pause;
    this.#cancelErrorPause = this.clock.after(pause, () => {
      this.#cancelErrorPause = undefined;
      void this.resume('error');
    });
  }

  /** Pauses the consumers permanently. */
  async end(): Promise<void> {
    await this.pause('drain');
    this.#cancelErrorPause?.();
  }

  #changed(): void {
    for (const listener of this.#listeners) listener();
  }

  #apply(): Promise<void> {
    return this.#changes.run(async () => {
      const prefetch = this.#prefetch === this.fullPrefetch ? this.#prefetch - this.#reserved : this.#prefetch;
      const run = this.#reasons.size === 0 && prefetch > 0;
      if (run === this.#running && (!run || prefetch === this.#runningPrefetch)) return;
      if (this.#running) await Promise.all(this.#sources.map((source) => source.cancel()));
      if (run) await Promise.all(this.#sources.map((source) => source.resume(prefetch)));
      this.#running = run;
      this.#runningPrefetch = prefetch;
    });
  }
}
