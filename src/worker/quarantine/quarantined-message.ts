import type { Fields } from '../../broker/messages/amqp-fields.js';
import { HEADERS, textHeader } from '../../broker/messages/headers.js';
import { versionOf } from '../../events/definitions.js';
import type { EventEnvelope } from '../../events/envelope.js';
import type { EventKind, QuarantinedMessage, QuarantineReason } from './quarantine-table.js';

const REASONS: Readonly<Record<string, QuarantineReason>> = {
  'contract.newer_version': 'newer_version',
  'contract.unknown_type': 'unknown_type',
};

/** The row of an event that is quarantined for this error code. `since`: milliseconds since the epoch. */
export function quarantinedMessage(event: EventEnvelope, code: string | undefined, since: number): QuarantinedMessage {
  const { source, id, subject } = event;
  return { source, id, ...eventKind(event), subject, reason: REASONS[code ?? ''] ?? 'behind', since };
}

/** The type of an event, and the version in which it was written. */
export function eventKind({ type, dataschema }: EventEnvelope): EventKind {
  return { type, version: versionOf(type, dataschema) ?? null };
}

/** When a message was quarantined first, in milliseconds since the epoch; undefined for one that never was. */
export function quarantinedAt(headers: Fields): number | undefined {
  const time = Date.parse(textHeader(headers, HEADERS.quarantinedAt) ?? '');
  return Number.isNaN(time) ? undefined : time;
}
