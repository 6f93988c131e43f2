import type { Sql } from '../../store/store.js';

export type AuditAction = 'replayed' | 'edited' | 'discarded' | 'restored' | 'returned';

/** An action of an operator on a dead letter. */
export interface AuditEntry {
  id: string;
  deadLetterId: string;
  /** RFC 3339, UTC. */
  at: string;
  who: string;
  action: AuditAction;
  /** A reason, an option, or the changed fields. */
  detail: string;
}

/** The detail of a replay: the id of the replacing event, the target worker where it is not the one that dead-lettered
 *  the message, and whether the operator vouched for it. */
export function replayDetail({
  as,
  to,
  isVouchedFor,
}: {
  as: string | undefined;
  to: string | undefined;
  isVouchedFor: boolean;
}): string {
  return [
    ...(as === undefined ? [] : [`as ${as}`]),
    ...(to === undefined ? [] : [`to ${to}`]),
    ...(isVouchedFor ? ['vouched for'] : []),
  ].join(' ');
}

/** The target worker in the detail of a replay; undefined for the one that dead-lettered the message. */
export function replayTarget({ detail }: Pick<AuditEntry, 'detail'>): string | undefined {
  return /(?:^| )to (\S+)/.exec(detail)?.[1];
}

/** Writes an entry in the transaction of the action. The caller provides the id, which sorts by time, because the
 *  transaction may run again. */
export async function audit(sql: Sql, entry: AuditEntry): Promise<void> {
  await sql`
    INSERT INTO dead_letter_audit (id, dead_letter_id, at, who, action, detail)
    VALUES (${entry.id}, ${entry.deadLetterId}, ${entry.at}, ${entry.who}, ${entry.action}, ${entry.detail})`;
}

/** The audit entries of a dead letter, oldest first. */
export async function auditOf(sql: Sql, deadLetterId: string): Promise<AuditEntry[]> {
  return sql<AuditEntry>`
    SELECT id, dead_letter_id AS "deadLetterId", at, who, action, detail FROM dead_letter_audit
    WHERE dead_letter_id = ${deadLetterId} ORDER BY id`;
}
