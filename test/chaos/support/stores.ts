import { existsSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import fleet from '../../../config/fleet.js';
import type { EventEnvelope } from '../../../src/events/envelope.js';
import { workersOff } from '../../../src/runtime/fleet/enabled-workers.js';
import { idOf } from '../../../src/store/sqlite/tables/id-values.js';
import { workerDefinitionOf } from '../../../src/worker/definition/worker-definition.js';

const off = workersOff(fleet, { with: [] });
/** Those that run by default. */
export const workers = fleet.workers.map(workerDefinitionOf).filter(({ name }) => !off.has(name));
export const services = [...new Set([...workers.map(({ store }) => store), 'core', 'ops'])];

export interface Event extends EventEnvelope {
  service: string;
  data: Record<string, unknown>;
}

/** The files of a fleet, read directly from disk; a missing file reads as empty. */
export class Stores {
  readonly #open = new Map<string, Database.Database>();

  constructor(private readonly dataDir: string) {}

  rows<Row>(file: string, sql: string): Row[] {
    const db = this.#database(file);
    if (db === undefined) return [];
    try {
      return db.prepare<[], Row>(sql).all();
    } catch (error) {
      if (error instanceof Error && error.message.startsWith('no such table')) return [];
      throw error;
    }
  }

  events(service: string): Event[] {
    return this.rows<{ body: string }>(service, 'SELECT body FROM flotilla_events ORDER BY position').map(
      ({ body }) => ({ service, ...(JSON.parse(body) as Omit<Event, 'service'>) }),
    );
  }

  /** The inbox of a worker, as names in the form of `inboxName`. */
  inbox({ name: worker, store }: { name: string; store: string }): Set<string> {
    const rows = this.rows<{ name: string; id: Buffer }>(
      store,
      'SELECT c.name, i.id FROM flotilla_inbox i JOIN flotilla_consumers c ON c.id = i.consumer',
    );
    const own = `${worker}\u0000`;
    return new Set(
      rows.filter(({ name }) => name.startsWith(own)).map(({ name, id }) => `${name.slice(own.length)} ${idOf(id)}`),
    );
  }

  close(): void {
    for (const db of this.#open.values()) db.close();
    this.#open.clear();
  }

  #database(file: string): Database.Database | undefined {
    const known = this.#open.get(file);
    if (known !== undefined) return known;
    const path = join(this.dataDir, file === 'sandbox' ? 'sandbox/sandbox.db' : `${file}.db`);
    if (!existsSync(path)) return undefined;
    const db = new Database(path, { readonly: true, timeout: 2000 });
    this.#open.set(file, db);
    return db;
  }
}

export function inboxName({ service, id }: Pick<Event, 'service' | 'id'>): string {
  return `${service} ${id}`;
}
