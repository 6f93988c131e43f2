import type { Consumer } from '../../broker/contract.js';
import { systemClock, type Clock } from '../../concurrency/clock.js';
import { SerialQueue } from '../../concurrency/serial-queue.js';

/** Why a worker takes no messages for now. */
export type PauseReason = 'breaker' | 'trouble' | 'relay' | 'drain';

const FIRST_TROUBLE = 250;
const LONGEST_TROUBLE = 30_000;
const FORGET_TROUBLE = 60_000;

/** Where messages come from. */
type Source = Pick<Consumer, 'cancel' | 'resume'>;

/**
 * Lets the consumers run only while there is no reason to pause. Changes are carried out one after the other, so that
 * a quick resume never overtakes a slow cancel.
 */
export class Pauses {
  #troubles = 0;
  #lastTrouble = 0;
  #callOff: (() => void) | undefined;
  #troubleUntil = 0;

  readonly #reasons = new Set<PauseReason>();
  #prefetch: number;
  #running = true;
  #runningPrefetch: number;
  readonly #changes = new SerialQueue();

  constructor(
    private readonly sources: () => readonly Source[],
    prefetch: number,
    private readonly clock: Clock = systemClock,
  ) {
    this.#prefetch = prefetch;
    this.#runningPrefetch = prefetch;
  }

  get reasons(): readonly PauseReason[] {
    return [...this.#reasons];
  }

  /** Milliseconds until a pause for trouble is over; undefined where there is none. */
  get troubleLeft(): number | undefined {
    return this.#callOff === undefined ? undefined : Math.max(0, this.#troubleUntil - this.clock.now());
  }

  /** Resolves once nothing more is delivered. */
  pause(reason: PauseReason): Promise<void> {
    this.#reasons.add(reason);
    return this.#apply();
  }

  /** Resolves once messages are taken again, if no other reason is left. */
  resume(reason: PauseReason, prefetch = this.#prefetch): Promise<void> {
    this.#reasons.delete(reason);
    this.#prefetch = prefetch;
    return this.#apply();
  }

  /** Something of the worker's own failed (its store, its broker): pauses for a while, longer when it goes on. */
  trouble(): void {
    const now = this.clock.now();
    this.#troubles = now - this.#lastTrouble > FORGET_TROUBLE ? 1 : this.#troubles + 1;
    this.#lastTrouble = now;
    if (this.#callOff !== undefined) return;
    void this.pause('trouble');
    const pause = Math.min(FIRST_TROUBLE * 2 ** (this.#troubles - 1), LONGEST_TROUBLE);
    this.#troubleUntil = now + pause;
    this.#callOff = this.clock.after(pause, () => {
      this.#callOff = undefined;
      void this.resume('trouble');
    });
  }

  /** Ends with the consumers paused for good. */
  async end(): Promise<void> {
    await this.pause('drain');
    this.#callOff?.();
  }

  #apply(): Promise<void> {
    return this.#changes.run(async () => {
      const run = this.#reasons.size === 0;
      const prefetch = this.#prefetch;
      if (run === this.#running && (!run || prefetch === this.#runningPrefetch)) return;
      if (this.#running) await Promise.all(this.sources().map((source) => source.cancel()));
      if (run) await Promise.all(this.sources().map((source) => source.resume(prefetch)));
      this.#running = run;
      this.#runningPrefetch = prefetch;
    });
  }
}
