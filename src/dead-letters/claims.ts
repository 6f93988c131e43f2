import type { Sql, Store } from '../store/contract.js';
import type { Keeping, KeptDeadLetter } from './dead-letter.js';
import { keptOf, type KeptRow } from './rows.js';

/** How long a claim holds. A batch is confirmed or given up within 10 s, so only a run that was killed keeps one for
 *  longer; what it had claimed can be replayed after this. */
export const CLAIM_TTL_MS = 60_000;

/** Who is working on dead letters right now. */
export interface Claim {
  /** Unique to the run. */
  id: string;
  /** Milliseconds since the epoch. */
  now: number;
}

/** Claims those of these dead letters that are unsettled and that no other run has claimed, and marks them as
 *  `replaying`. Gives them as they are at that moment: an edit may have come in between. */
export async function claimForReplay(store: Store, ids: readonly string[], claim: Claim): Promise<KeptDeadLetter[]> {
  const { until, at, latest } = bounds(claim.now);
  return store.transaction(async ({ sql }) => {
    const claimed: KeptDeadLetter[] = [];
    for (const id of ids) {
      const [row] = await sql<KeptRow>`
        UPDATE dead_letters SET state = 'replaying', claim = ${claim.id}, claimed_until = ${until}
        WHERE id = ${id} AND state IN ('dead', 'replaying')
          AND (claim IS NULL OR claim = ${claim.id} OR claimed_until <= ${at} OR claimed_until > ${latest})
        RETURNING *`;
      if (row !== undefined) claimed.push(keptOf(row));
    }
    return claimed;
  });
}

/** Claims one within a transaction, without marking it. False: it is settled, or another run has claimed it. */
export async function claimOne(sql: Sql, id: string, claim: Claim): Promise<boolean> {
  const { until, at, latest } = bounds(claim.now);
  const rows = await sql`
    UPDATE dead_letters SET claim = ${claim.id}, claimed_until = ${until}
    WHERE id = ${id} AND state IN ('dead', 'replaying')
      AND (claim IS NULL OR claim = ${claim.id} OR claimed_until <= ${at} OR claimed_until > ${latest})
    RETURNING id`;
  return rows.length > 0;
}

/** The broker has refused these: they are dead as before. */
export async function returnToDead(store: Store, ids: readonly string[], claim: string): Promise<void> {
  if (ids.length === 0) return;
  await store.transaction(async ({ sql }) => {
    for (const id of ids) await sql`UPDATE dead_letters SET state = 'dead' WHERE id = ${id} AND claim = ${claim}`;
  });
}

/** Ends the claim of a run on all that it has not settled. */
export async function releaseClaim(store: Store, claim: string): Promise<void> {
  await store.transaction(async ({ sql }) => {
    await sql`UPDATE dead_letters SET claim = NULL, claimed_until = NULL WHERE claim = ${claim}`;
  });
}

/** Whether a run has claimed it and may still be at work. An end later than a whole claim from now means that the clock
 *  was set back: it holds no more. */
export function isClaimed({ claimedUntil }: Pick<Keeping, 'claimedUntil'>, now: number): boolean {
  const { at, latest } = bounds(now);
  return claimedUntil !== null && claimedUntil > at && claimedUntil <= latest;
}

function bounds(now: number): { at: string; until: string; latest: string } {
  const until = new Date(now + CLAIM_TTL_MS).toISOString();
  return { at: new Date(now).toISOString(), until, latest: until };
}
