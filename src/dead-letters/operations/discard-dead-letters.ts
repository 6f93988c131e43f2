import { FlotillaError } from '../../errors.js';
import { newId } from '../../events/ids.js';
import type { Store } from '../../store/store.js';
import { appendLifecycleEvent } from '../lifecycle-events.js';
import { audit } from '../storage/audit.js';
import { claimOne } from '../storage/replay-claims.js';
import { removeBody } from '../storage/remove-bodies.js';
import { findDeadLetter, selectDeadLetters, type Selection } from '../storage/queries.js';

/** The period in which a discard can be undone. */
export const UNDO_PERIOD_MS = 7 * 86_400_000;

export interface DiscardOptions {
  selection: Selection;
  who: string;
  /** Must not be empty. */
  reason: string;
  /** Removes the bodies immediately, so that the discard cannot be undone. */
  purge?: boolean | undefined;
  limit?: number | undefined;
  signal: AbortSignal;
  onResult?: (done: number, total: number) => void;
}

export interface DiscardSummary {
  selected: number;
  discarded: number;
  /** Already settled, being replayed, or not processed before `signal` aborted. */
  skipped: number;
}

/** Marks dead letters as discarded, and appends an event for each. Settled ones, and those that a run is replaying, are
 *  skipped. Bodies are removed when the discard can no longer be undone. Throws `dead_letter.refused` without a
 *  reason. */
export async function discardDeadLetters(
  { store, now }: { store: Store; now: () => number },
  { selection, who, reason, purge = false, limit, signal, onResult }: DiscardOptions,
): Promise<DiscardSummary> {
  if (reason.trim() === '') throw new FlotillaError('dead_letter.refused', 'a discard needs a reason');
  const selected = await selectDeadLetters(store, selection, { states: ['dead', 'replaying'], now: now(), limit });
  let discarded = 0;
  for (const [index, { id }] of selected.entries()) {
    if (signal.aborted) break;
    if (await discardOne(store, id, { who, reason: reason.trim(), purge, time: now() })) discarded += 1;
    onResult?.(index + 1, selected.length);
  }
  return { selected: selected.length, discarded, skipped: selected.length - discarded };
}

async function discardOne(
  store: Store,
  id: string,
  { who, reason, purge, time }: { who: string; reason: string; purge: boolean; time: number },
): Promise<boolean> {
  const deadLetter = await findDeadLetter(store, id);
  const at = new Date(time).toISOString();
  const auditId = newId(time);
  return store.transaction(async (tx) => {
    if (!(await claimOne(tx.sql, id, { id: auditId, now: time }))) return false;
    await tx.sql`
      UPDATE dead_letters SET state = 'discarded', settled_at = ${at}, settled_by = ${who}, reason = ${reason},
        claim = NULL, claimed_until = NULL
      WHERE id = ${id}`;
    if (purge) await removeBody(tx.sql, id);
    const detail = purge ? `${reason} (body removed)` : reason;
    await audit(tx.sql, { id: auditId, deadLetterId: id, at, who, action: 'discarded', detail });
    const occasion = { source: store.service, now: time, occasion: auditId };
    await appendLifecycleEvent(tx, occasion, deadLetter, { type: 'message.discarded', reason });
    return true;
  });
}

/** Restores a discarded dead letter within 7 days, and appends the event of a new dead letter. Throws
 *  `dead_letter.not_found`, or `dead_letter.refused` if it is not discarded or was discarded too long ago. */
export async function undoDiscard(
  { store, now }: { store: Store; now: () => number },
  { id, who }: { id: string; who: string },
): Promise<void> {
  const deadLetter = await findDeadLetter(store, id);
  const time = now();
  const at = new Date(time).toISOString();
  if (deadLetter.state !== 'discarded' || deadLetter.settledAt === null) {
    throw new FlotillaError('dead_letter.refused', `${deadLetter.id} is ${deadLetter.state}, not discarded`);
  }
  if (deadLetter.isBodyRemoved) {
    throw new FlotillaError('dead_letter.refused', `the body of ${deadLetter.id} was removed`);
  }
  if (time - Date.parse(deadLetter.settledAt) > UNDO_PERIOD_MS) {
    throw new FlotillaError('dead_letter.refused', `${deadLetter.id} was discarded more than 7 days ago`);
  }
  const auditId = newId(time);
  await store.transaction(async (tx) => {
    const rows = await tx.sql`
      UPDATE dead_letters SET state = 'dead', settled_at = NULL, settled_by = NULL, reason = NULL
      WHERE id = ${deadLetter.id} AND state = 'discarded' RETURNING id`;
    if (rows.length === 0) return;
    await audit(tx.sql, { id: auditId, deadLetterId: deadLetter.id, at, who, action: 'restored', detail: '' });
    const occasion = { source: store.service, now: time, occasion: auditId };
    await appendLifecycleEvent(tx, occasion, deadLetter, { type: 'message.dead_lettered' });
  });
}
