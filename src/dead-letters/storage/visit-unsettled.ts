import type { MessageProperties } from '../../broker/broker.js';
import { CLOUDEVENTS_JSON } from '../../events/envelope.js';
import type { EncodedEvent } from '../../events/parse-envelope.js';
import { TableScan } from '../../store/sqlite/read/table-scan.js';

/** A dead letter that may be replayed, as the message that its worker would receive. */
export interface UnsettledDeadLetter {
  id: string;
  /** The code with which it was dead-lettered. */
  code: string;
  /** RFC 3339. */
  deadAt: string;
  message: EncodedEvent;
}

type Row = [
  key: number,
  id: string,
  code: string,
  deadAt: string,
  body: Uint8Array,
  properties: string,
  replacement: string | null,
];

const UNSETTLED = `SELECT rowid, id, code, dead_at, body, properties, replacement_body FROM dead_letters
  WHERE rowid > @after AND state IN ('dead', 'replaying') ORDER BY rowid LIMIT +@limit`;

/** Calls `visit` for every dead letter in the file of a store that is neither replayed nor discarded; an edited one has
 *  its new body. Reads beside the processes that use the store, as `visitStoredBodies` does. */
export async function visitUnsettled(
  path: string,
  signal: AbortSignal,
  visit: (deadLetter: UnsettledDeadLetter) => void,
): Promise<void> {
  const scan = new TableScan(path);
  try {
    if (!scan.has('dead_letters')) return;
    await scan.each<number, Row>(UNSETTLED, { after: 0, signal }, (row) => {
      const [, id, code, deadAt, body, properties, replacement] = row;
      const message: EncodedEvent =
        replacement === null
          ? { body, properties: JSON.parse(properties) as MessageProperties }
          : { body: replacement, properties: { contentType: CLOUDEVENTS_JSON } };
      visit({ id, code, deadAt, message });
    });
  } finally {
    scan.close();
  }
}
