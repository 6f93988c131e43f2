import { HEADERS } from '../../broker/messages/headers.js';
import { failedKey } from '../../broker/topology/topology.js';
import type { EventEnvelope } from '../../events/envelope.js';
import { failpoint } from '../../failpoints.js';
import type { PipelineContext } from '../pipeline/context.js';
import { failureOf } from '../pipeline/failure.js';
import type { Message } from '../pipeline/message.js';
import { publishUntilConfirmed } from '../pipeline/publish-until-confirmed.js';
import { whenCommitted } from '../pipeline/when-committed.js';
import { quarantinedAt, quarantinedMessage } from './quarantined-message.js';

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
  if (message.after !== undefined) await whenCommitted(message.after);
  if (await context.isHandled(message)) return 'duplicate';
  const since = quarantinedAt(message.delivery.properties.headers) ?? context.clock.now();
  const row = quarantinedMessage(event, failure.code, since);
  await quarantined?.add(row);
  failpoint('worker.quarantine_stored');
  const sent = await publishUntilConfirmed(context, message, {
    exchange: names.failed(name),
    routingKey: failedKey('newer'),
    headers: {
      [HEADERS.quarantinedAt]: new Date(since).toISOString(),
      [HEADERS.quarantinedFor]: failure.code,
      [HEADERS.subject]: event.subject,
    },
  });
  if (!sent) return 'returned';
  failpoint('worker.quarantine_confirmed');
  if (row.reason !== 'behind') {
    const { type, version, source, id } = row;
    quarantined?.unreadable.add(row);
    quarantineLog.began({ type, version, source, event: id, code: failure.code });
  }
  return 'quarantined';
}
