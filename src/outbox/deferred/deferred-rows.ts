import type { Store } from '../../store/store.js';
import type { DeferredChanges, DeferredEvent } from './deferred-events.js';

const ROWS_PER_TRANSACTION = 500;

/** Saves newly deferred events and deletes confirmed ones. Idempotent. */
export async function saveDeferred(store: Store, { added, removed }: DeferredChanges): Promise<void> {
  for (let from = 0; from < added.length; from += ROWS_PER_TRANSACTION) {
    await store.transaction(async (tx) => {
      for (const position of added.slice(from, from + ROWS_PER_TRANSACTION)) {
        await tx.sql`INSERT INTO flotilla_relay_deferred (position) VALUES (${position}) ON CONFLICT DO NOTHING`;
      }
    });
  }
  for (let from = 0; from < removed.length; from += ROWS_PER_TRANSACTION) {
    await store.transaction(async (tx) => {
      for (const position of removed.slice(from, from + ROWS_PER_TRANSACTION)) {
        await tx.sql`DELETE FROM flotilla_relay_deferred WHERE position = ${position}`;
      }
    });
  }
}

/** Returns the deferred events below the checkpoint, in order. Events above the checkpoint are read again anyway. */
export async function loadDeferred(store: Store, checkpoint: number): Promise<DeferredEvent[]> {
  const rows = await store.query<{ position: number }>`
    SELECT position FROM flotilla_relay_deferred WHERE position <= ${checkpoint} ORDER BY position`;
  const events: DeferredEvent[] = [];
  for (const { position } of rows) {
    const [event] = await store.readAll(position - 1, 1);
    if (event?.position === position) events.push(event);
  }
  await store.transaction(async (tx) => {
    await tx.sql`DELETE FROM flotilla_relay_deferred WHERE position > ${checkpoint}`;
  });
  return events.map(({ stream, type, position }) => ({ stream, type, position }));
}

/** Returns the number of deferred events below the checkpoint. */
export async function countDeferred(store: Store, checkpoint: number): Promise<number> {
  const [row] = await store.query<{ events: number }>`
    SELECT COUNT(*) AS events FROM flotilla_relay_deferred WHERE position <= ${checkpoint}`;
  return row?.events ?? 0;
}
