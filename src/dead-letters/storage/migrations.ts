import type { Migration, Store } from '../../store/store.js';

/** What the other modules of this folder need, of the owner `dead-letters`. */
export const deadLetterMigrations: readonly Migration[] = [
  {
    name: '1-dead-letters',
    sql: `
      CREATE TABLE dead_letters (
        id TEXT NOT NULL PRIMARY KEY,
        worker TEXT NOT NULL,
        event_id TEXT,
        source TEXT,
        type TEXT,
        kind TEXT,
        subject TEXT,
        correlation_id TEXT,
        code TEXT NOT NULL,
        message TEXT NOT NULL,
        body BLOB NOT NULL,
        properties TEXT NOT NULL,
        attempts TEXT NOT NULL,
        attempt_count INTEGER NOT NULL,
        replays INTEGER NOT NULL,
        search TEXT NOT NULL,
        dead_at TEXT NOT NULL,
        kept_at TEXT NOT NULL,
        state TEXT NOT NULL,
        settled_at TEXT,
        settled_by TEXT,
        reason TEXT,
        replacement_id TEXT,
        replacement_body TEXT,
        replacement_key TEXT
      );
      CREATE INDEX dead_letters_by_state ON dead_letters (state, dead_at);
      CREATE INDEX dead_letters_by_cause ON dead_letters (worker, code, type);
      CREATE TABLE dead_letter_audit (
        id TEXT NOT NULL PRIMARY KEY,
        dead_letter_id TEXT NOT NULL,
        at TEXT NOT NULL,
        who TEXT NOT NULL,
        action TEXT NOT NULL,
        detail TEXT NOT NULL
      );
      CREATE INDEX dead_letter_audit_by_letter ON dead_letter_audit (dead_letter_id, id);
    `,
  },
  {
    name: '2-claims',
    sql: `
      ALTER TABLE dead_letters ADD COLUMN claim TEXT;
      ALTER TABLE dead_letters ADD COLUMN claimed_until TEXT;
      CREATE INDEX dead_letters_by_claim ON dead_letters (claim) WHERE claim IS NOT NULL;
    `,
  },
  {
    name: '3-content',
    sql: `
      ALTER TABLE dead_letters ADD COLUMN body_size INTEGER;
      ALTER TABLE dead_letters ADD COLUMN body_hash TEXT;
      ALTER TABLE dead_letters ADD COLUMN body_removed INTEGER;
      ALTER TABLE dead_letters ADD COLUMN content TEXT;
      ALTER TABLE dead_letters ADD COLUMN origin TEXT;
      ALTER TABLE dead_letters ADD COLUMN conflict_of TEXT;
      CREATE INDEX dead_letters_to_empty ON dead_letters (settled_at) WHERE state = 'discarded' AND body_removed IS NULL;
    `,
  },
];

/** Creates the tables of dead letters in `store`. Idempotent; await it before any other function of this module. */
export async function migrateDeadLetters(store: Store): Promise<void> {
  await store.migrate('dead-letters', deadLetterMigrations);
}
