import { aborted } from '../concurrency/aborted.js';
import { messageOf } from '../errors.js';
import type { CheckResult } from '../telemetry/health-server.js';
import type { Logger } from '../telemetry/logger.js';
import type { RunState } from './running.js';

type Step = (left: () => number) => Promise<void>;

/** The beginning and the end of a part of a fleet. */
export class Lifetime {
  readonly #failure = new AbortController();
  readonly #steps: Step[] = [];
  #phase: RunState['phase'] = 'starting';
  /** What `/readyz` reports, by name. */
  readonly checks: Record<string, () => CheckResult> = {};
  /** Aborts when it is to end, or when a part of it has failed for good. */
  readonly signal: AbortSignal;

  constructor(private readonly stop: AbortSignal) {
    this.signal = AbortSignal.any([stop, this.#failure.signal]);
  }

  /** Ends it with this error: a part of it has failed for good. */
  readonly fail = (error: unknown): void => this.#failure.abort(error);

  /** Adds a step of the end; the latest is done first. `left`: the milliseconds that remain. */
  atEnd(step: Step): void {
    this.#steps.push(step);
  }

  state(): RunState {
    const checks = Object.entries(this.checks).map(([name, check]) => [name, check()] as const);
    return { phase: this.#phase, checks: Object.fromEntries(checks) };
  }

  /** Waits until it is to end, then does the steps of the end within `limit` milliseconds. Rejects with the error that ended
   *  it: that of `assembled`, or of a part that has failed; an error of `ready` after `stop` has aborted is none. */
  async run(
    assembled: Promise<unknown>,
    ready: Promise<unknown>,
    options: { limit: number; logger: Logger },
  ): Promise<void> {
    try {
      await assembled;
    } catch (error) {
      ready.catch(() => undefined); // it is the same error
      await this.#end(options);
      throw error;
    }
    try {
      await ready;
      this.#phase = 'ready';
      await aborted(this.signal);
    } catch (error) {
      if (!this.signal.aborted) this.fail(error);
    }
    if (!this.#failure.signal.aborted) options.logger.info('Stopping', { reason: messageOf(this.signal.reason) });
    await this.#end(options);
    if (this.#failure.signal.aborted && !this.stop.aborted) throw this.#failure.signal.reason;
  }

  async #end({ limit, logger }: { limit: number; logger: Logger }): Promise<void> {
    this.#phase = 'stopping';
    const until = performance.now() + limit;
    for (const step of this.#steps.reverse()) {
      try {
        await step(() => Math.max(0, until - performance.now()));
      } catch (error) {
        if (error === this.#failure.signal.reason) continue; // it is what `run` rejects with
        logger.error('A component did not stop cleanly', { error: messageOf(error) });
      }
    }
    this.#phase = 'ended';
  }
}
