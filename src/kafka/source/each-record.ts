import type { Store, Tx } from '../../store/store.js';
import type { ConsumedRecord } from '../client/kafka-client.js';
import { moveOffset, type ConsumedPartition } from './offset-table.js';
import type { TopicReaderOptions } from './topic-reader.js';

/** Processes a record in the transaction that moves the offset past it. */
export type RecordHandler = (tx: Tx, at: ConsumedPartition, record: ConsumedRecord) => Promise<void>;

/** Handles the records of a part one after another, in one transaction with their offset. */
export function eachRecord(store: Store, handle: RecordHandler): TopicReaderOptions['process'] {
  return ({ at, records, from, next }) =>
    store.transaction(async (tx) => {
      if (!(await moveOffset(tx.sql, at, from, next))) return false;
      for (const record of records) await handle(tx, at, record);
      return true;
    });
}
