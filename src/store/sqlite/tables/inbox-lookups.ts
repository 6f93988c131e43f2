import type { InboxKey } from '../../store.js';
import type { Connection, Statement } from '../connection.js';
import { idKey } from './id-values.js';
import { consumerName } from './inbox.js';
import { ReadView } from '../read/read-view.js';

interface Lookup {
  key: InboxKey;
  resolve: (handled: boolean) => void;
  reject: (error: unknown) => void;
}

/** Batches inbox lookups of one turn of the event loop: a single SELECT is a separate read transaction, whose locks
 *  take 4 µs and thus more than the lookup. Messages arrive in dozens. */
export class InboxLookups {
  readonly #find: Statement;
  readonly #consumer: Statement;
  readonly #view: ReadView;
  /** Keys of the consumers that have rows; keys never change. */
  readonly #consumers = new Map<string, unknown>();
  #pending: Lookup[] = [];

  constructor(
    db: Connection,
    /** Runs a step on the connection; retries while the file is busy. */
    private readonly read: (step: () => boolean[]) => Promise<boolean[]>,
  ) {
    this.#find = db.prepare<unknown[]>('SELECT 1 FROM flotilla_inbox WHERE consumer = ? AND id = ?').pluck();
    this.#consumer = db.prepare<unknown[]>('SELECT id FROM flotilla_consumers WHERE name = ?').pluck();
    this.#view = new ReadView(db);
  }

  handled(key: InboxKey): Promise<boolean> {
    return new Promise((resolve, reject) => {
      if (this.#pending.push({ key, resolve, reject }) === 1) queueMicrotask(() => void this.#run());
    });
  }

  async #run(): Promise<void> {
    const batch = this.#pending;
    this.#pending = [];
    try {
      const answers = await this.read(() => this.#findAll(batch));
      for (const [index, { resolve }] of batch.entries()) resolve(answers[index] === true);
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  }

  #findAll(batch: readonly Lookup[]): boolean[] {
    return this.#view.run(() =>
      batch.map(({ key }) => {
        const consumer = this.#consumerOf(consumerName(key));
        return consumer !== undefined && this.#find.get(consumer, idKey(key.id)) !== undefined;
      }),
    );
  }

  #consumerOf(name: string): unknown {
    const known = this.#consumers.get(name);
    if (known !== undefined) return known;
    const found = this.#consumer.get(name);
    if (found !== undefined && this.#consumers.size < MAX_CACHED_CONSUMERS) this.#consumers.set(name, found);
    return found;
  }
}

const MAX_CACHED_CONSUMERS = 1000;
