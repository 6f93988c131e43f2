import { HEADERS, textHeader } from '../../broker/messages/headers.js';
import { failedKey } from '../../broker/topology/topology.js';
import { versionOf } from '../../events/definitions.js';
import type { EventEnvelope } from '../../events/envelope.js';
import { failpoint } from '../../failpoints.js';
import type { PipelineContext } from '../pipeline/context.js';
import { failureOf } from '../pipeline/failure.js';
import type { Message } from '../pipeline/message.js';
import { publishUntilConfirmed } from '../pipeline/publish-until-confirmed.js';
import { reasonOf } from './quarantine-table.js';

/** Moves a message to the quarantine of its worker, without spending an attempt. First its row is committed, so that later
 *  messages of its subject follow; then its copy is published. Each step may be repeated after an interruption. */
export async function moveToQuarantine(
  context: PipelineContext,
  message: Message,
  { event, error }: { event: EventEnvelope; error: unknown },
): Promise<'quarantined' | 'duplicate' | 'returned'> {
  const { name, names, quarantined, quarantineLog } = context;
  const failure = failureOf(error);
  message.failure = failure;
  if (await context.isHandled(message)) return 'duplicate';
  const { source, id, type, subject } = event;
  const version = versionOf(type, event.dataschema) ?? null;
  const reason = reasonOf(failure.code);
  const since = quarantinedAt(message) ?? context.clock.now();
  await quarantined?.add({ source, id, type, version, subject, reason, since });
  failpoint('worker.quarantine_stored');
  const sent = await publishUntilConfirmed(context, message, {
    exchange: names.failed(name),
    routingKey: failedKey('newer'),
    headers: {
      [HEADERS.quarantinedAt]: new Date(since).toISOString(),
      [HEADERS.quarantinedFor]: failure.code,
      [HEADERS.subject]: subject,
    },
  });
  if (!sent) return 'returned';
  failpoint('worker.quarantine_confirmed');
  if (reason !== 'behind') {
    quarantined?.unreadable.add({ type, version });
    quarantineLog.began({ type, version, source, event: id, code: failure.code });
  }
  return 'quarantined';
}

/** When the message was quarantined first, in milliseconds since the epoch. */
function quarantinedAt({ delivery }: Message): number | undefined {
  const time = Date.parse(textHeader(delivery.properties.headers, HEADERS.quarantinedAt) ?? '');
  return Number.isNaN(time) ? undefined : time;
}
