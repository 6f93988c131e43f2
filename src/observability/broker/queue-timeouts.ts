import type { ManagedQueue } from '../../broker/rabbitmq/management/management.js';
import type { Names } from '../../broker/topology/topology.js';
import { formatDuration } from '../../duration.js';

/** RabbitMQ's default of `consumer_timeout`, in milliseconds; the value in rabbitmq.conf cannot be queried. */
const CONSUMER_TIMEOUT_MS = 30 * 60_000;
/** RabbitMQ's default of `consumer_disconnected_timeout`, in milliseconds. */
const DISCONNECTED_TIMEOUT_MS = 60_000;

/** Lists the workers whose handlers may take longer than the broker waits for an ack, one line each: the broker would
 *  requeue the message while it is being handled. */
export function shortConsumerTimeouts(
  queues: readonly ManagedQueue[],
  workers: readonly { name: string; timeout: number }[],
  names: Names,
): string[] {
  return workers.flatMap(({ name, timeout }) => {
    const queue = queues.find((each) => each.name === names.queue(name));
    if (queue === undefined) return [];
    const limit = settingOf(queue, 'consumer-timeout') ?? CONSUMER_TIMEOUT_MS;
    if (timeout < limit) return [];
    return [
      `${name} may take ${formatDuration(timeout)} for a message, and the broker waits ${formatDuration(limit)} for its ` +
        'ack (consumer-timeout): raise it by a policy, or lower the timeout of the worker',
    ];
  });
}

/** How long a lost node's consumers keep their deliveries: the maximum over all queues. */
export function disconnectedTimeout(queues: readonly ManagedQueue[]): number {
  const quorum = queues.filter(({ type }) => type === 'quorum');
  const timeouts = quorum.map((queue) => settingOf(queue, 'consumer-disconnected-timeout') ?? DISCONNECTED_TIMEOUT_MS);
  return timeouts.length === 0 ? DISCONNECTED_TIMEOUT_MS : Math.max(...timeouts);
}

/** An argument of the queue has precedence over a policy. */
function settingOf(queue: ManagedQueue, key: string): number | undefined {
  const value = queue.arguments[`x-${key}`] ?? queue.policySettings[key];
  return typeof value === 'number' ? value : undefined;
}
