import { errorOf, FlotillaError } from '../errors.js';
import type { BrokerState } from './broker.js';

/** A connection state that notifies listeners of changes. `closed` is final. */
export class StateCell {
  #value: BrokerState = 'connecting';
  readonly #listeners = new Set<(state: BrokerState) => void>();

  get value(): BrokerState {
    return this.#value;
  }

  /** Sets the state; does nothing if it is unchanged. */
  set(next: BrokerState): void {
    if (this.#value === next || this.#value === 'closed') return;
    this.#value = next;
    for (const listener of [...this.#listeners]) listener(next);
  }

  listen(listener: (state: BrokerState) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Resolves when the state is one of these. Rejects with `broker.closed`, or the signal's reason. */
  async until(wanted: readonly BrokerState[], signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    await new Promise<void>((resolve, reject) => {
      const settle = (outcome: () => void) => {
        stop();
        signal?.removeEventListener('abort', aborted);
        outcome();
      };
      const aborted = () => settle(() => reject(errorOf(signal?.reason)));
      const check = () => {
        if (wanted.includes(this.#value)) settle(resolve);
        else if (this.#value === 'closed') settle(() => reject(new FlotillaError('broker.closed')));
      };
      const stop = this.listen(check);
      signal?.addEventListener('abort', aborted, { once: true });
      check();
    });
  }
}
