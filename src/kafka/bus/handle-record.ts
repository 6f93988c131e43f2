import { FlotillaError } from '../../errors.js';
import type { Definitions } from '../../events/definitions.js';
import type { EventEnvelope } from '../../events/envelope.js';
import { matchesType } from '../../events/handler-types.js';
import type { Tx } from '../../store/store.js';
import type { Logger } from '../../telemetry/logger.js';
import { decodeRecord } from '../source/decode-record.js';
import { storeRejected } from '../source/rejected.js';
import type { RecordHandler } from '../source/each-record.js';

/** Calls the handler for events of the given patterns that the group has not handled. */
export function handleRecord({
  group,
  types,
  definitions,
  handler,
  logger,
}: {
  group: string;
  types: readonly string[];
  definitions: Definitions;
  handler: (event: EventEnvelope, tx: Tx) => Promise<void>;
  logger: Logger;
}): RecordHandler {
  return async (tx, at, record) => {
    let event: EventEnvelope;
    try {
      event = decodeRecord(definitions, record);
    } catch (error) {
      if (!(error instanceof FlotillaError)) throw error;
      const { code, message: detail } = error;
      await storeRejected(tx, at, record, { code, detail, now: Date.now() });
      logger.warn(`${group}: rejected a record of Kafka`, { code, topic: at.topic, offset: String(record.offset) });
      return;
    }
    if (!types.some((pattern) => matchesType(definitions, pattern, event.type))) return;
    if (await tx.markHandled({ consumer: group, source: event.source, id: event.id })) await handler(event, tx);
  };
}
