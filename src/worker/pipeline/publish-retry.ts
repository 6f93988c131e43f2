import type { Fields } from '../../broker/messages/amqp-fields.js';
import { failedKey } from '../../broker/topology/topology.js';
import { failpoint } from '../../failpoints.js';
import type { PipelineContext } from './context.js';
import type { Message } from './message.js';
import { publishUntilConfirmed } from './publish-until-confirmed.js';

/** Publishes a copy of a failed message to the retry queue of a delay. See `PipelineContext.waitForRetry`. */
export async function publishRetry(
  context: Omit<PipelineContext, 'waitForRetry'>,
  message: Message,
  delay: number,
  headers: Fields,
): Promise<boolean> {
  const target = { exchange: context.names.failed(context.name), routingKey: failedKey(delay), headers };
  const isConfirmed = await publishUntilConfirmed(context, message, target);
  if (isConfirmed) failpoint('worker.retry_confirmed');
  return isConfirmed;
}
