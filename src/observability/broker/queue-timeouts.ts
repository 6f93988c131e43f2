import type { ManagedQueue } from '../../broker/rabbitmq/management/management.js';
import { isPartition } from '../../broker/topology/abandoned-queues.js';
import type { Names, WorkerQueues } from '../../broker/topology/topology.js';
import { formatDuration } from '../../duration.js';

/** RabbitMQ's default of `consumer_timeout`, in milliseconds; the value in rabbitmq.conf cannot be queried. */
const CONSUMER_TIMEOUT_MS = 30 * 60_000;
/** RabbitMQ's default of `consumer_disconnected_timeout`, in milliseconds. */
const DISCONNECTED_TIMEOUT_MS = 60_000;

/** A worker with the longest time for which it may keep a message, in milliseconds. */
export interface KeptMessages {
  queues: Pick<WorkerQueues, 'name' | 'ordered'>;
  longest: number;
}

/** Lists the workers that may keep a message for longer than the broker waits for an ack, one line each: the broker would
 *  requeue the message while it is being handled. */
export function shortConsumerTimeouts(
  queues: readonly ManagedQueue[],
  workers: readonly KeptMessages[],
  names: Names,
): string[] {
  return workers.flatMap(({ queues: own, longest }) => {
    const limits = queues
      .filter(({ name }) => name === names.queue(own.name) || isPartition(name, own.name, names))
      .map((queue) => settingOf(queue, 'consumer-timeout') ?? CONSUMER_TIMEOUT_MS);
    const limit = Math.min(...limits);
    if (longest < limit) return [];
    return [
      `${own.name} may take ${formatDuration(longest)} for a message, and the broker waits ${formatDuration(limit)} for its ` +
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
