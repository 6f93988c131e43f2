import { FlotillaError } from '../../errors.js';
import type { Store } from '../../store/store.js';
import { beat, insertRun, saveRun, takeRun } from './run-table.js';
import type { StoredRun } from './replay-run.js';

export interface HeartbeatOptions {
  /** A name of this process that no other process has. */
  holder: string;
  /** Milliseconds without a heartbeat after which the process counts as dead. @default 10000 */
  timeout?: number;
  /** Milliseconds since the epoch. */
  now: () => number;
}

export const HEARTBEAT_TIMEOUT_MS = 10_000;
const POLL_INTERVAL_MS = 100;

/** Marks a replay as active in this process: while the heartbeat continues, no other process runs this replay or
 *  another one to the same worker. */
export class RunHeartbeat {
  /** Aborts when another process has taken over the replay, because this one was suspended for too long. */
  readonly lost: AbortSignal;
  readonly #lost = new AbortController();
  readonly #timer: NodeJS.Timeout;
  #beating: Promise<void> | undefined;

  private constructor(
    private readonly store: Store,
    public run: StoredRun,
    private readonly options: HeartbeatOptions,
  ) {
    this.lost = this.#lost.signal;
    this.#timer = setInterval(
      () => {
        this.#beating ??= this.#beat();
      },
      (options.timeout ?? HEARTBEAT_TIMEOUT_MS) / 5,
    );
  }

  /** Stores a new replay and starts its heartbeat. Rejects with `replay.refused` while another replay to the worker is
   *  running. */
  static async start(store: Store, run: StoredRun, options: HeartbeatOptions): Promise<RunHeartbeat> {
    await insertRun(store, run, { timeout: HEARTBEAT_TIMEOUT_MS, ...options, now: options.now() });
    return new RunHeartbeat(store, run, options);
  }

  /** Takes over an interrupted replay; if its process was killed, after its heartbeat has expired. Rejects with
   *  `replay.refused` if the replay is done, or while it or another replay to its worker is running. */
  static async resume(
    store: Store,
    run: StoredRun,
    options: HeartbeatOptions,
    signal: AbortSignal,
  ): Promise<RunHeartbeat> {
    const { timeout = HEARTBEAT_TIMEOUT_MS, now } = options;
    const until = performance.now() + timeout * 1.5;
    while (!(await takeRun(store, run, { timeout, ...options, now: now() }))) {
      if (performance.now() > until) throw new FlotillaError('replay.refused', `${run.id} is running`);
      await new Promise((resolve) => setTimeout(resolve, POLL_INTERVAL_MS));
      signal.throwIfAborted();
    }
    return new RunHeartbeat(store, { ...run, state: 'running' }, options);
  }

  /** Stores the progress of the replay. Rejects with `replay.refused` if another process has taken it over. */
  async save(change: Partial<StoredRun>): Promise<void> {
    const run = { ...this.run, ...change };
    const saved = await saveRun(this.store, run.id, { holder: this.options.holder, now: this.options.now() }, run);
    if (!saved) {
      this.#lost.abort();
      throw new FlotillaError('replay.refused', `another process has taken over ${run.id}`);
    }
    this.run = run;
  }

  /** Ends the heartbeat. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#beating;
  }

  async #beat(): Promise<void> {
    try {
      const { holder, now } = this.options;
      if (!(await beat(this.store, this.run.id, { holder, now: now() }))) this.#lost.abort();
    } catch {
      // the store is busy or unreachable: the next save reports it, and the next heartbeat is due soon
    } finally {
      this.#beating = undefined;
    }
  }
}
