import { defineTaker } from '../worker/definition/define-worker.js';
import type { Worker } from '../worker/definition/worker-definition.js';
import { fillGaps, noteGap } from './fill-gaps.js';
import { migrateJournal } from './migrations.js';
import { insertRecords, recordOfEntry } from './rows.js';

/** The worker that indexes the log, so that history can be searched: every event of the fleet once, whatever its type,
 *  whether it came by the log or, where the log had lost it, from the store of its service as far as that is in reach. It has
 *  a store of its own and no queue; of several replicas one writes. Where signatures are required, what is not signed is
 *  passed over, unless its type is open to its source. */
export function defineJournal({ name, store = name }: { name: string; store?: string }): Worker {
  return defineTaker({
    name,
    store,
    take: {
      prepare: migrateJournal,
      take(entries) {
        const records = entries.flatMap((entry) => recordOfEntry(entry) ?? []);
        return {
          passedOver: entries.length - records.length,
          commit: async ({ sql }) => void (await insertRecords(sql, records)),
        };
      },
      broken: (tx, broken) => noteGap(tx, broken, Date.now()),
      resumed: (tx) => noteGap(tx, { kind: 'resumed' }, Date.now()),
      beside: (journal, options) => fillGaps(journal, options, Date.now),
    },
  });
}
