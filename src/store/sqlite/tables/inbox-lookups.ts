import type { InboxKey } from '../../contract.js';
import type { Connection, Statement } from '../connection.js';
import { idKey } from './id-values.js';
import { consumerName } from './inbox.js';
import { ReadView } from '../read/read-view.js';

interface Look {
  key: InboxKey;
  resolve: (handled: boolean) => void;
  reject: (error: unknown) => void;
}

/**
 * Looks into the inbox, together for all that ask in one turn of the event loop: a SELECT by itself is a read
 * transaction by itself, whose locks cost 4 µs and thus more than the look. Messages arrive in dozens.
 */
export class HandledLooks {
  readonly #find: Statement;
  readonly #consumer: Statement;
  readonly #view: ReadView;
  /** Ids of consumers that are there; they never change. */
  readonly #consumers = new Map<string, unknown>();
  #asked: Look[] = [];

  constructor(
    db: Connection,
    /** Runs a step on the connection, again where the file is busy. */
    private readonly read: <T>(step: () => T) => Promise<T>,
  ) {
    this.#find = db.prepare<unknown[]>('SELECT 1 FROM flotilla_inbox WHERE consumer = ? AND id = ?').pluck();
    this.#consumer = db.prepare<unknown[]>('SELECT id FROM flotilla_consumers WHERE name = ?').pluck();
    this.#view = new ReadView(db);
  }

  handled(key: InboxKey): Promise<boolean> {
    return new Promise((resolve, reject) => {
      if (this.#asked.push({ key, resolve, reject }) === 1) queueMicrotask(() => void this.#answer());
    });
  }

  async #answer(): Promise<void> {
    const asked = this.#asked;
    this.#asked = [];
    try {
      const answers = await this.read(() => this.#look(asked));
      for (const [index, { resolve }] of asked.entries()) resolve(answers[index] === true);
    } catch (error) {
      for (const { reject } of asked) reject(error);
    }
  }

  #look(asked: readonly Look[]): boolean[] {
    return this.#view.run(() =>
      asked.map(({ key }) => {
        const consumer = this.#consumerOf(consumerName(key));
        return consumer !== undefined && this.#find.get(consumer, idKey(key.id)) !== undefined;
      }),
    );
  }

  #consumerOf(name: string): unknown {
    const known = this.#consumers.get(name);
    if (known !== undefined) return known;
    const found = this.#consumer.get(name);
    if (found !== undefined && this.#consumers.size < MAX_CONSUMERS) this.#consumers.set(name, found);
    return found;
  }
}

const MAX_CONSUMERS = 1000;
