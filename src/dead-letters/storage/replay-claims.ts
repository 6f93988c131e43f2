import type { Sql, Store } from '../../store/store.js';
import type { StoredState, StoredDeadLetter } from '../dead-letter.js';
import { storedOf, type StoredRow } from './rows.js';

/** How long a claim lasts. A batch is confirmed or abandoned within 10 s, so only a killed run holds a claim for
 *  longer; afterwards another run can replay the claimed dead letters. */
export const CLAIM_TTL_MS = 60_000;

/** The claim of a run on dead letters. */
export interface ReplayClaim {
  /** Unique to the run. */
  id: string;
  /** Milliseconds since the epoch. */
  now: number;
}

/** Claims the dead letters that are unsettled and not claimed by another run, and marks them as `replaying`. Returns
 *  their current content, because an edit may have changed it. */
export async function claimForReplay(
  store: Store,
  ids: readonly string[],
  claim: ReplayClaim,
): Promise<StoredDeadLetter[]> {
  const { until, at, latest } = bounds(claim.now);
  return store.transaction(async ({ sql }) => {
    const claimed: StoredDeadLetter[] = [];
    for (const id of ids) {
      const [row] = await sql<StoredRow>`
        UPDATE dead_letters SET state = 'replaying', claim = ${claim.id}, claimed_until = ${until}
        WHERE id = ${id} AND state IN ('dead', 'replaying')
          AND (claim IS NULL OR claim = ${claim.id} OR claimed_until <= ${at} OR claimed_until > ${latest})
        RETURNING *`;
      if (row !== undefined) claimed.push(storedOf(row));
    }
    return claimed;
  });
}

/** Claims a dead letter in a transaction, without marking it. Returns false if it is settled or claimed by another
 *  run. */
export async function claimOne(sql: Sql, id: string, claim: ReplayClaim): Promise<boolean> {
  const { until, at, latest } = bounds(claim.now);
  const rows = await sql`
    UPDATE dead_letters SET claim = ${claim.id}, claimed_until = ${until}
    WHERE id = ${id} AND state IN ('dead', 'replaying')
      AND (claim IS NULL OR claim = ${claim.id} OR claimed_until <= ${at} OR claimed_until > ${latest})
    RETURNING id`;
  return rows.length > 0;
}

/** Marks dead letters that the broker has refused as dead again. */
export async function returnToDead(store: Store, ids: readonly string[], claim: string): Promise<void> {
  if (ids.length === 0) return;
  await store.transaction(async ({ sql }) => {
    for (const id of ids) await sql`UPDATE dead_letters SET state = 'dead' WHERE id = ${id} AND claim = ${claim}`;
  });
}

/** Releases all dead letters that a run has claimed and not settled. */
export async function releaseClaim(store: Store, claim: string): Promise<void> {
  await store.transaction(async ({ sql }) => {
    await sql`UPDATE dead_letters SET claim = NULL, claimed_until = NULL WHERE claim = ${claim}`;
  });
}

/** Whether a run has claimed the dead letter and may still be active. A claim that expires more than CLAIM_TTL_MS from
 *  now is invalid: the clock was set back. */
export function isClaimed({ claimedUntil }: Pick<StoredState, 'claimedUntil'>, now: number): boolean {
  const { at, latest } = bounds(now);
  return claimedUntil !== null && claimedUntil > at && claimedUntil <= latest;
}

function bounds(now: number): { at: string; until: string; latest: string } {
  const until = new Date(now + CLAIM_TTL_MS).toISOString();
  return { at: new Date(now).toISOString(), until, latest: until };
}
