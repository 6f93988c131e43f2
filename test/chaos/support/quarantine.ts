import type { Broker } from '../../../src/broker/broker.js';
import { peekQueue } from '../../../src/queues/peek-queue.js';
import type { ChaosFleet } from './chaos-fleet.js';
import { handledBy, withStore, type Place } from './rolling-fleet.js';
import { Stores } from './stores.js';

/** A published event. */
export interface Sent extends Place {
  id: string;
  /** Whether an operator rejects it. */
  isRejected: boolean;
}

interface Row {
  id: string;
  subject: string;
}

const nameOf = ({ subject, count }: Place) => `${subject} ${count}`;

/** The quarantine of one worker, as its store and the broker have it. */
export class Quarantine {
  constructor(
    private readonly fleet: ChaosFleet,
    private readonly broker: Broker,
    private readonly worker: string,
  ) {}

  rows(): Row[] {
    return this.#store((store) =>
      store.prepare<[], Row>('SELECT event_id AS id, subject FROM flotilla_quarantined ORDER BY place').all(),
    );
  }

  /** Whether the worker has neither a row nor a message, in the quarantine or in its queue. */
  async isEmpty(): Promise<boolean> {
    const { newer, queue } = this.fleet.names;
    return this.rows().length === 0 && (await this.#isDrained(newer)) && (await this.#isDrained(queue));
  }

  /** Whether the keeper has received every dead letter of the worker. */
  areDeadReceived(): Promise<boolean> {
    return this.#isDrained(this.fleet.names.dead);
  }

  /** Deletes the rows of these subjects, as the restore of an older copy of the store does. */
  loseRows(subjects: string): void {
    this.#store((store) => store.prepare('DELETE FROM flotilla_quarantined WHERE subject LIKE ?').run(`${subjects}/%`));
  }

  /** Adds a row without a message before the first message of each subject: they were rejected on another machine. */
  addOtherRows(): void {
    const subjects = new Set(this.rows().map(({ subject }) => subject));
    this.#store((store) => {
      store.prepare('UPDATE flotilla_quarantined SET place = place + 1000').run();
      const insert = store.prepare("INSERT INTO flotilla_quarantined VALUES (?, ?, 'till', ?, 'x', 1, ?, 'behind', 0)");
      for (const [index, subject] of [...subjects].entries())
        insert.run(this.worker, index + 1, `other-${index}`, subject);
    });
  }

  /** Throws unless these events have a row each and a message in the quarantine, and no other one has. */
  async requireAgreement(events: readonly Sent[]): Promise<void> {
    const signal = AbortSignal.timeout(30_000);
    const newer = this.fleet.names.newer(this.worker);
    const { messages } = await peekQueue(this.broker, newer, { count: 1_000, limit: 20_000, signal });
    const rows = this.rows();
    const expected = events.map(({ id }) => id);
    requireSame(
      'rows',
      expected,
      rows.map(({ id }) => id),
    );
    requireSame('messages', expected, [...new Set(messages.map(({ properties }) => properties.messageId ?? ''))]);
    for (const subject of new Set(rows.map((row) => row.subject))) {
      const own = events.filter((event) => event.subject === subject).map(({ id }) => id);
      const found = rows.filter((row) => row.subject === subject).map(({ id }) => id);
      if (own.join() !== found.join()) throw new Error(`the rows of ${subject} are out of order`);
    }
  }

  /** Throws unless the worker has handled each event that was not rejected once, in the order of its subject. */
  requireHandledOnce(events: readonly Sent[]): void {
    const handled = handledBy(this.fleet.dataDir, this.worker);
    requireSame('handled events', events.filter(({ isRejected }) => !isRejected).map(nameOf), handled.map(nameOf));
    const last = new Map<string, number>();
    for (const { subject, count } of handled) {
      if (count < (last.get(subject) ?? 0)) throw new Error(`out of order: ${subject} ${count}`);
      last.set(subject, count);
    }
  }

  /** Throws unless each rejected event is stored as one dead letter, and no other one. */
  requireDeadOnce(events: readonly Sent[]): void {
    const stores = new Stores(this.fleet.dataDir);
    try {
      const dead = stores.rows<{ id: string }>('ops', 'SELECT event_id AS id FROM dead_letters').map(({ id }) => id);
      requireSame(
        'dead letters',
        events.filter(({ isRejected }) => isRejected).map(({ id }) => id),
        dead,
      );
    } finally {
      stores.close();
    }
  }

  /** Whether a queue of the worker has no ready message. */
  async #isDrained(name: (worker: string) => string): Promise<boolean> {
    return (await this.broker.queueDepth(name(this.worker)))?.ready === 0;
  }

  #store<T>(work: Parameters<typeof withStore<T>>[2]): T {
    return withStore(this.fleet.dataDir, this.worker, work);
  }
}

function requireSame(what: string, expected: readonly string[], found: readonly string[]): void {
  const missing = expected.filter((name) => !found.includes(name));
  const others = found.filter((name, index) => !expected.includes(name) || found.indexOf(name) !== index);
  if (missing.length + others.length === 0) return;
  throw new Error(`${what}: missing ${missing.join(', ') || 'none'}; too many ${others.join(', ') || 'none'}`);
}
