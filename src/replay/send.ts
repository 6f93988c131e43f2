import { vouchAgain, type Broker, type OutgoingMessage, type Publisher } from '../broker/contract.js';
import type { Fields } from '../broker/fields.js';
import { eventProperties } from '../broker/event-properties.js';
import { FlotillaError, hasCode } from '../errors.js';
import type { HistoryEntry } from './history.js';
import { formatDuration } from '../duration.js';

/** An event of the past as it goes to the queue of one worker, never to the exchange, so that nobody else sees it. */
export function outgoingOf(
  { event, body, origin = 'fleet' }: HistoryEntry,
  queue: string,
  headers: Fields,
): OutgoingMessage {
  const properties = eventProperties(event);
  return {
    exchange: '',
    routingKey: queue,
    mandatory: true,
    vouch: vouchAgain(origin, queue),
    body,
    properties: { ...properties, headers: { ...properties.headers, ...headers } },
  };
}

/** Milliseconds for which a broker that is away is waited for. */
const BROKER_LIMIT = 30_000;
const TRIES = 5;

/** Runs `work` when the broker is there, and again where the connection dropped in between; a few times. Rejects with
 *  `broker.unreachable`, the error of the last try, or the signal's reason. */
export async function whileConnected<T>(publisher: Publisher, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    const late = AbortSignal.timeout(BROKER_LIMIT);
    try {
      await publisher.ready(AbortSignal.any([signal, late]));
      return await work();
    } catch (error) {
      if (late.aborted && !signal.aborted)
        throw new FlotillaError('broker.unreachable', `waited ${formatDuration(BROKER_LIMIT)}`);
      if (tries === TRIES || signal.aborted || !isPassing(error)) throw error;
    }
  }
}

/** Resolves when the broker has confirmed all of them. What a dropped connection leaves open is sent again: the worker's
 *  inbox knows it. Rejects with `broker.returned` when there is no queue, else as `whileConnected`. */
export async function sendAll(
  publisher: Publisher,
  messages: readonly OutgoingMessage[],
  signal: AbortSignal,
): Promise<void> {
  let left = messages;
  await whileConnected(publisher, signal, async () => {
    const outcomes = await Promise.allSettled(left.map((message) => publisher.publish(message)));
    left = left.filter((_, index) => outcomes[index]?.status === 'rejected');
    const failures = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as unknown] : []));
    if (failures.length > 0) throw failures.find((failure) => !isPassing(failure)) ?? failures[0];
  });
}

function isPassing(error: unknown): boolean {
  const codes = ['broker.disconnected', 'broker.timeout', 'broker.nacked'] as const;
  return codes.some((code) => hasCode(error, code));
}

export type ReplayBroker = Pick<Broker, 'createPublisher' | 'queueDepth'>;
