import type { Broker, Delivery } from '../broker/broker.js';
import { HEADERS, textHeader } from '../broker/messages/headers.js';
import type { Names } from '../broker/topology/topology.js';
import type { MessageKind } from '../events/definition.js';
import { kindOf, type Definitions } from '../events/definitions.js';
import { matches } from '../events/patterns.js';
import { hasCode } from '../errors.js';
import { eventIn } from '../events/event-in.js';
import { MAX_HELD_MESSAGES, drainSelected } from './drain-queue.js';
import { moveWith, withPublisher } from './move-messages.js';
import { peekQueue } from './peek-queue.js';

/** A message that matches no worker's binding. An unrouted command is an alarm, because its sender waits for it. */
export interface Unrouted {
  id: string | null;
  type: string | null;
  routingKey: string;
  kind: MessageKind | null;
  subject: string | null;
  /** RFC 3339. */
  time: string | null;
}

/** Selects unrouted messages; all given conditions must hold. */
export interface UnroutedFilter {
  ids?: readonly string[];
  /** Types or topic patterns. */
  types?: readonly string[];
  /** RFC 3339, inclusive. A message without a time matches neither `since` nor `until`. */
  since?: string | undefined;
  /** RFC 3339, exclusive. */
  until?: string | undefined;
}

export interface UnroutedList {
  /** The oldest selected messages. */
  items: Unrouted[];
  /** The number of selected messages among those examined; without a filter, the number of all unrouted messages. */
  total: number;
  /** Messages beyond the limit of one examination. 0 without a filter. */
  unexamined: number;
  /** Queues that did not respond, with the reason; their messages are not in the list. */
  unanswered: { queue: string; reason: string }[];
}

const LIST_TIMEOUT_MS = 10_000;
const REPLAY_TIMEOUT_MS = 60_000;

/** Lists the oldest unrouted messages, which stay in their queue. Those in the queue of an earlier release come first,
 *  until they are moved. */
export async function listUnrouted(
  { broker, names, definitions }: { broker: Broker; names: Names; definitions: Definitions },
  { count = 50, filter = {}, signal }: { count?: number; filter?: UnroutedFilter; signal: AbortSignal },
): Promise<UnroutedList> {
  const list: UnroutedList = { items: [], total: 0, unexamined: 0, unanswered: [] };
  const { ids = [], types = [], since, until } = filter;
  const isFiltered = ids.length + types.length > 0 || since !== undefined || until !== undefined;
  for (const queue of [names.unrouted, names.unroutedQueue]) {
    try {
      const options = { count: isFiltered ? MAX_HELD_MESSAGES : count, limit: LIST_TIMEOUT_MS, signal };
      const { messages, ready } = await peekQueue(broker, queue, options);
      const chosen = messages
        .map((message) => describe(message, definitions))
        .filter((item) => isSelected(item, filter));
      list.items.push(...chosen.slice(0, count - list.items.length));
      list.total += isFiltered ? chosen.length : ready;
      list.unexamined += isFiltered ? ready - messages.length : 0;
    } catch (error) {
      if (!hasCode(error, 'broker.no_answer')) throw error;
      list.unanswered.push({ queue, reason: error.message });
    }
  }
  return list;
}

export interface ReplayUnroutedOptions {
  filter?: UnroutedFilter;
  /** Maximum number of messages to send. */
  count?: number | undefined;
  /** Time limit in milliseconds. @default 60000 */
  limit?: number;
  signal: AbortSignal;
  onProgress?: (done: number, total: number) => void;
}

export interface ReplayUnroutedResult {
  sent: number;
  /** Examined and not selected: still unrouted, in their places. */
  kept: number;
  /** Not examined: the limit was reached, or the time was over. */
  unexamined: number;
  /** The number of unrouted messages afterwards. */
  unrouted: number;
}

/** Publishes the selected unrouted messages to the workers' exchange again, with their original routing keys, each
 *  once. Those that still match no binding return to the end of the queue. Each is confirmed before it is acked: if the
 *  process ends in between, two copies exist. The other messages keep their places: they stay unacked until the end, at
 *  most `MAX_HELD_MESSAGES` messages or `MAX_HELD_BYTES`. */
export async function replayUnrouted(
  { broker, names, definitions }: { broker: Broker; names: Names; definitions: Definitions },
  { filter = {}, count, limit = REPLAY_TIMEOUT_MS, signal, onProgress }: ReplayUnroutedOptions,
): Promise<ReplayUnroutedResult> {
  const drained = await withPublisher(broker, { limit, signal }, (publisher) =>
    drainSelected(broker, names.unroutedQueue, {
      count,
      limit,
      signal,
      onProgress,
      select: (delivery) => isSelected(describe(delivery, definitions), filter),
      handle: moveWith(publisher, ({ routingKey }) => ({ exchange: names.work, routingKey })),
    }),
  );
  const { handled: sent, kept, unexamined } = drained;
  return { sent, kept, unexamined, unrouted: (await broker.queueDepth(names.unroutedQueue))?.ready ?? 0 };
}

function describe(
  { body, routingKey, properties }: Pick<Delivery, 'body' | 'routingKey' | 'properties'>,
  definitions: Definitions,
): Unrouted {
  const event = eventIn({ body, properties });
  const type = event?.type ?? properties.type ?? null;
  return {
    id: event?.id ?? properties.messageId ?? null,
    type,
    routingKey,
    kind: type === null ? null : (kindOf(definitions, type) ?? null),
    subject: event?.subject ?? textHeader(properties.headers, HEADERS.subject) ?? null,
    time: event?.time ?? null,
  };
}

function isSelected({ id, type, routingKey, time }: Unrouted, { ids, types, since, until }: UnroutedFilter): boolean {
  const at = time === null ? NaN : Date.parse(time);
  return (
    (ids === undefined || ids.length === 0 || (id !== null && ids.includes(id))) &&
    (types === undefined || types.length === 0 || types.some((pattern) => matches(pattern, type ?? routingKey))) &&
    (since === undefined || at >= Date.parse(since)) &&
    (until === undefined || at < Date.parse(until))
  );
}
