import Database from 'better-sqlite3';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

export type SandboxDatabase = Database.Database;

/** How long a statement waits for another sandbox that uses the same file, in milliseconds. */
const BUSY_TIMEOUT_MS = 2000;

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS requests (
    scope TEXT NOT NULL, key TEXT NOT NULL, hash TEXT NOT NULL, attempts INTEGER NOT NULL,
    status INTEGER, body TEXT,
    PRIMARY KEY (scope, key)
  ) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS ledger (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, order_id TEXT NOT NULL,
    amount INTEGER NOT NULL, currency TEXT NOT NULL, key TEXT NOT NULL, charge_id TEXT, at TEXT NOT NULL
  );
  CREATE INDEX IF NOT EXISTS ledger_by_charge ON ledger (charge_id);
  CREATE INDEX IF NOT EXISTS ledger_by_order ON ledger (order_id);
  CREATE TABLE IF NOT EXISTS shipments (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, tracking_number TEXT NOT NULL UNIQUE, order_id TEXT NOT NULL,
    status TEXT NOT NULL, estimated_delivery TEXT NOT NULL, key TEXT NOT NULL, at TEXT NOT NULL
  );
  CREATE INDEX IF NOT EXISTS shipments_by_order ON shipments (order_id);
  CREATE TABLE IF NOT EXISTS outages (service TEXT PRIMARY KEY, down INTEGER NOT NULL);
  CREATE TABLE IF NOT EXISTS mails (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, message_id TEXT NOT NULL UNIQUE, sender TEXT NOT NULL,
    subject TEXT NOT NULL, text TEXT NOT NULL, received_at TEXT NOT NULL, deliveries INTEGER NOT NULL
  );
  CREATE TABLE IF NOT EXISTS mail_recipients (
    mail INTEGER NOT NULL REFERENCES mails (seq) ON DELETE CASCADE, address TEXT NOT NULL,
    PRIMARY KEY (mail, address)
  ) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS mails_by_recipient ON mail_recipients (address);
`;

/** Opens the database of the sandbox in `dataDir`, or creates it. A transaction that has returned survives a kill -9
 *  of the process. */
export function openDatabase(dataDir: string): SandboxDatabase {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const db = new Database(join(dataDir, 'sandbox.db'), { timeout: BUSY_TIMEOUT_MS });
  db.pragma('journal_mode = WAL');
  // without a sync for each commit: after a power failure, a sandbox may lack its latest commits
  db.pragma('synchronous = NORMAL');
  db.pragma('foreign_keys = ON');
  db.exec(SCHEMA);
  return db;
}
