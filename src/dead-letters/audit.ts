import type { Sql } from '../store/contract.js';

export type AuditAction = 'replayed' | 'edited' | 'discarded' | 'restored' | 'returned';

/** Who did what to a dead letter. */
export interface AuditEntry {
  id: string;
  deadLetterId: string;
  /** RFC 3339, UTC. */
  at: string;
  who: string;
  action: AuditAction;
  /** What there is to say about it: a reason, an option, the changed fields. */
  detail: string;
}

/** Writes an entry in the transaction of what it is about. Its id sorts by time, and comes from outside: the
 *  transaction may be run again. */
export async function audit(sql: Sql, entry: AuditEntry): Promise<void> {
  await sql`
    INSERT INTO dead_letter_audit (id, dead_letter_id, at, who, action, detail)
    VALUES (${entry.id}, ${entry.deadLetterId}, ${entry.at}, ${entry.who}, ${entry.action}, ${entry.detail})`;
}

/** What was done to a dead letter, the oldest first. */
export async function auditOf(sql: Sql, deadLetterId: string): Promise<AuditEntry[]> {
  return sql<AuditEntry>`
    SELECT id, dead_letter_id AS "deadLetterId", at, who, action, detail FROM dead_letter_audit
    WHERE dead_letter_id = ${deadLetterId} ORDER BY id`;
}
