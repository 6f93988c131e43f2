import type { Broker } from '../broker/contract.js';
import { HEADERS, textHeader } from '../broker/headers.js';
import { republished } from '../broker/republish.js';
import type { Names } from '../broker/topology.js';
import type { MessageKind } from '../events/definition.js';
import { kindOf, type Definitions } from '../events/definitions.js';
import { FlotillaError } from '../errors.js';
import { parseEnvelope } from '../events/decode.js';
import { drainQueue } from './drain-queue.js';
import { peekQueue } from './peek-queue.js';

/** A message that no worker has bound. A command among them is an alarm: somebody waits for it. */
export interface Unrouted {
  id: string | null;
  type: string | null;
  routingKey: string;
  kind: MessageKind | null;
  subject: string | null;
  /** RFC 3339. */
  time: string | null;
}

const LIMIT = 10_000;

/** The first unrouted messages, which stay where they are, and how many there are in all. */
export async function listUnrouted(
  { broker, names, definitions }: { broker: Broker; names: Names; definitions: Definitions },
  { count = 50, signal }: { count?: number; signal: AbortSignal },
): Promise<{ items: Unrouted[]; total: number }> {
  const { messages, ready } = await peekQueue(broker, names.unrouted, { count, limit: LIMIT, signal });
  const items = messages.map(({ body, routingKey, properties }): Unrouted => {
    const event = eventIn(body, properties.contentType);
    const type = event?.type ?? properties.type ?? null;
    return {
      id: event?.id ?? properties.messageId ?? null,
      type,
      routingKey,
      kind: type === null ? null : (kindOf(definitions, type) ?? null),
      subject: event?.subject ?? textHeader(properties.headers, HEADERS.subject) ?? null,
      time: event?.time ?? null,
    };
  });
  return { items, total: ready };
}

/** Sends the unrouted messages to the workers' exchange again under the keys they came with, each that is there now
 *  once. Those that still match nothing come back. Each is confirmed before it is acked: where the process ends in
 *  between there are two of it. Gives how many were sent, and how many are unrouted afterwards. */
export async function replayUnrouted(
  { broker, names }: { broker: Broker; names: Names },
  options: { limit?: number; signal: AbortSignal; onProgress?: (done: number, total: number) => void },
): Promise<{ sent: number; unrouted: number }> {
  const { limit = 60_000, signal, onProgress } = options;
  const publisher = broker.createPublisher();
  try {
    await publisher.ready(AbortSignal.any([signal, AbortSignal.timeout(limit)]));
    const sent = await drainQueue(broker, names.unrouted, {
      limit,
      signal,
      onProgress,
      handle: async (delivery) => {
        const { body, routingKey } = delivery;
        const properties = republished(delivery.properties);
        await publisher.publish({ exchange: names.work, routingKey, body, properties, mandatory: true });
        delivery.ack();
      },
    });
    return { sent, unrouted: (await broker.queueDepth(names.unrouted))?.ready ?? 0 };
  } finally {
    await publisher.close();
  }
}

function eventIn(body: Uint8Array, contentType: string | undefined) {
  try {
    return parseEnvelope(body, contentType);
  } catch (error) {
    if (error instanceof FlotillaError) return undefined;
    throw error;
  }
}
