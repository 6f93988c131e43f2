import { vouchAgain, type Broker, type OutgoingMessage, type Publisher } from '../../broker/broker.js';
import type { Fields } from '../../broker/messages/amqp-fields.js';
import { eventProperties } from '../../broker/messages/event-properties.js';
import type { Names } from '../../broker/topology/topology.js';
import { FlotillaError, hasCode } from '../../errors.js';
import type { HistoryEntry } from '../history/history.js';
import { formatDuration } from '../../duration.js';
import { addressAt } from '../address-at.js';
import type { WorkerDefinition } from '../../worker/definition/worker-definition.js';

/** A past event as a message to the queues of one worker, not to the exchange, so that no other worker receives it. */
export function historyMessage(
  { event, body, origin = 'fleet' }: HistoryEntry,
  { worker, names, headers }: { worker: WorkerDefinition; names: Names; headers: Fields },
): OutgoingMessage {
  const properties = eventProperties(event);
  const queue = names.queue(worker.name);
  return {
    ...addressAt(worker, event.type, names),
    mandatory: true,
    vouch: vouchAgain(origin, queue),
    body,
    properties: { ...properties, headers: { ...properties.headers, ...headers } },
  };
}

const BROKER_TIMEOUT_MS = 30_000;
const MAX_ATTEMPTS = 5;

/** Runs `work` when the broker is connected, and repeats it a few times if the connection is lost. Rejects with
 *  `broker.unreachable`, the last error, or the signal's reason. */
export async function whileConnected<T>(publisher: Publisher, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    const late = AbortSignal.timeout(BROKER_TIMEOUT_MS);
    try {
      await publisher.ready(AbortSignal.any([signal, late]));
      return await work();
    } catch (error) {
      if (late.aborted && !signal.aborted)
        throw new FlotillaError('broker.unreachable', `waited ${formatDuration(BROKER_TIMEOUT_MS)}`);
      if (tries === MAX_ATTEMPTS || signal.aborted || !isTransient(error)) throw error;
    }
  }
}

/** Resolves when the broker has confirmed all messages. Unconfirmed messages are sent again after a reconnect; the
 *  worker's inbox detects duplicates. Rejects with `broker.returned` if the queue does not exist, otherwise like
 *  `whileConnected`. */
export async function publishAll(
  publisher: Publisher,
  messages: readonly OutgoingMessage[],
  signal: AbortSignal,
): Promise<void> {
  let left = messages;
  await whileConnected(publisher, signal, async () => {
    const outcomes = await Promise.allSettled(left.map((message) => publisher.publish(message)));
    left = left.filter((_, index) => outcomes[index]?.status === 'rejected');
    const failures = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as unknown] : []));
    if (failures.length > 0) throw failures.find((failure) => !isTransient(failure)) ?? failures[0];
  });
}

function isTransient(error: unknown): boolean {
  const codes = ['broker.disconnected', 'broker.timeout', 'broker.nacked'] as const;
  return codes.some((code) => hasCode(error, code));
}

export type ReplayBroker = Pick<Broker, 'createPublisher' | 'queueDepth'>;
