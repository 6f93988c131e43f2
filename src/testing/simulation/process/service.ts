import type { Tx } from '../../../store/store.js';
import { openMemoryStore, type MemoryStore } from '../../../store/memory/index.js';
import type { Committed } from '../../../store/memory/committer.js';
import type { StoredEvent } from '../../../store/stored-event.js';
import type { RunState } from '../run-state.js';

/** A store with a simulated relay: committed events are sent immediately, timers fire when they are due. */
export class Service {
  readonly store: MemoryStore;
  /** Receives the types that the current transaction appends. */
  #notes: string[] | undefined;
  #due: number | undefined;
  #cancelTimer: (() => void) | undefined;
  #firing = false;

  constructor(
    private readonly name: string,
    private readonly state: RunState,
    private readonly options: {
      image?: Buffer | undefined;
      send: (event: StoredEvent, service: string) => void;
      fail: (error: unknown) => void;
    },
  ) {
    const { image } = options;
    this.store = openMemoryStore({
      service: name,
      clock: state.clock.now,
      onCommit: (committed) => this.#committed(committed),
      ...(image !== undefined && { image }),
    });
  }

  /** Wraps the work of a transaction: the types of its events are recorded when it commits. */
  noting<T>(work: (tx: Tx) => Promise<T>, notes: string[] | undefined): (tx: Tx) => Promise<T> {
    return (tx) => {
      this.#notes = notes;
      return work(tx);
    };
  }

  #committed({ events, nextTimer }: Committed): void {
    const notes = this.#notes;
    this.#notes = undefined;
    for (const event of events) {
      if (notes !== undefined) notes.push(event.type);
      else this.state.trace.add(this.name, `${this.#firing ? 'timer: ' : ''}${event.type} ${event.stream}`);
      this.options.send(event, this.name);
    }
    this.#watch(nextTimer);
  }

  /** Runs in a separate task, so that commits in the meantime are attributed to timers. */
  async #fire(): Promise<void> {
    this.#firing = true;
    try {
      await this.store.fireTimers(this.state.clock.now());
    } catch (error) {
      this.options.fail(error);
    }
    this.#firing = false;
  }

  #watch(due: number | undefined): void {
    if (due === this.#due) return;
    this.#cancelTimer?.();
    this.#due = due;
    if (due === undefined) return;
    const { now, after } = this.state.clock;
    this.#cancelTimer = after(due - now(), () => {
      this.#due = undefined;
      void this.#fire();
    });
  }
}
