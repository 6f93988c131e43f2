import { Wakeup } from '../concurrency/wakeup.js';
import type { Store } from './store.js';

/** Wakes a loop that works on new events or timers of a store. */
export class AppendWakeup extends Wakeup {
  readonly #stopListening: () => void;
  readonly #wake = () => {
    this.notify();
  };

  /** `signal` also wakes the loop. */
  constructor(
    store: Pick<Store, 'onAppend'>,
    private readonly signal: AbortSignal,
  ) {
    super();
    this.#stopListening = store.onAppend(this.#wake);
    signal.addEventListener('abort', this.#wake);
  }

  stop(): void {
    this.#stopListening();
    this.signal.removeEventListener('abort', this.#wake);
  }
}
