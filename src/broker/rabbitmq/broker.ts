import type { ChannelModel } from 'amqplib';
import { FlotillaError } from '../../errors.js';
import type { Logger } from '../../telemetry/logger.js';
import type { Metrics } from '../../telemetry/metrics.js';
import type { Broker, BrokerState } from '../broker.js';
import type { ExchangeSpec } from '../topology/topology.js';
import { StateCell } from '../broker-state.js';
import { addressesOf, credentialsOf, shuffled, vhostOf } from './connection/addresses.js';
import type { ConnectFailure } from './connection/connect-failure.js';
import type { Connection } from './connection/connection.js';
import { openConnection } from './connection/connection.js';
import { createConsumer } from './consumer.js';
import { within } from './limits.js';
import { createManagement } from './management/management.js';
import { createPublisher } from './publisher.js';
import { findRefusing } from './topology/refusing-queues.js';
import { createStreamReader } from './stream-reader.js';
import { createTopologyAdmin } from './topology/topology-admin.js';
import { verifyClaims } from './topology/verify-claims.js';
import { createTopologyRepair } from './topology/topology-repair.js';

/** Options of `createRabbitBroker`. */
export interface RabbitBrokerOptions {
  /** `amqp://user:password@host:port/vhost`, or a comma-separated list for the nodes of a cluster. Never logged. */
  url: string;
  /** `http://user:password@host:15672`, or a comma-separated list. Without it, topologies are compared by declaring,
   *  and surplus bindings are not detected. */
  managementUrl?: string;
  /** Whether each message carries the AMQP user of `url`, which RabbitMQ verifies. The user must be the same in each
   *  URL. @default false */
  sendUserId?: boolean;
  /** Connection names in the broker: `<name> publish`, `<name> consume`. */
  connectionName: string;
  logger: Logger;
  metrics?: Metrics;
  /** Milliseconds until a publish without a confirm rejects. @default 10000 */
  publishTimeout?: number;
  /** Seconds. @default 10 */
  heartbeat?: number;
  /** Whether one connection is enough, for a process that does not consume what it publishes. @default false */
  oneConnection?: boolean;
  /** Exchanges that this process has claimed. A broker in which another fleet holds one counts as unreachable, with
   *  `fleet.prefix_taken`. */
  claims?: () => readonly ExchangeSpec[];
  /** Called with the cause each time that no node could be reached; connecting continues. Must not throw. */
  onUnreachable?: (failure: ConnectFailure) => void;
}

const CLOSE_TIMEOUT_MS = 5000;
const METRIC: Record<BrokerState, number> = { connecting: 0, ready: 1, blocked: 2, closed: 3 };

/** Creates a broker with two connections, because a blocked connection stops reading everything on it: one
 *  publishes; the other consumes and declares. Both reconnect after every loss, with delays of up to 5 s. With
 *  `oneConnection`, the second one also publishes. */
export function createRabbitBroker(options: RabbitBrokerOptions): Broker {
  const { url, managementUrl, connectionName, logger, metrics, publishTimeout = 10_000, heartbeat = 10 } = options;
  const [first, ...others] = shuffled(addressesOf(url));
  if (first === undefined) throw new FlotillaError('config.invalid', 'the broker has no URL');
  const open = (purpose: string, urls: [string, ...string[]]) => {
    const name = `${connectionName} ${purpose}`;
    const { claims = () => [], onUnreachable } = options;
    const verify = (connection: ChannelModel) => {
      const held = claims();
      return held.length === 0 ? undefined : verifyClaims(connection, held);
    };
    return openConnection({ urls, name, logger, heartbeat, verify, ...(onUnreachable && { onUnreachable }) });
  };
  const oneConnection = options.oneConnection === true;
  // preferably to another node: the fleet then depends on no single node
  const [second = first, ...rest] = others;
  const consuming = open('consume', others.length === 0 ? [first] : [second, ...rest, first]);
  const publishing = oneConnection ? consuming : open('publish', [first, ...others]);
  const userId = options.sendUserId === true ? credentialsOf(first).user : undefined;
  const state = new StateCell();
  const refusals = new Map<symbol, FlotillaError>();
  const parts = new Set<{ close(): Promise<void> }>();
  const management =
    managementUrl === undefined ? undefined : createManagement({ url: managementUrl, vhost: vhostOf(url) });
  const admin = createTopologyAdmin(consuming, management, logger);
  const repair = createTopologyRepair({ admin, connection: consuming, logger, metrics });

  const follow = ({ name, state: cell }: Connection) => {
    const record = (now: BrokerState) => metrics?.brokerState.set({ connection: name }, METRIC[now]);
    record(cell.value);
    cell.listen((now) => {
      record(now);
      state.set(worst(publishing.state.value, consuming.state.value));
    });
  };
  const connections = new Set([publishing, consuming]);
  for (const connection of connections) follow(connection);

  function track<T extends { close(): Promise<void> }>(make: (onClose: () => void) => T): T {
    if (state.value === 'closed') throw new FlotillaError('broker.closed');
    const part = make(() => parts.delete(part));
    parts.add(part);
    return part;
  }

  return {
    get state() {
      return state.value;
    },
    get blockedBy() {
      return publishing.blockedBy ?? consuming.blockedBy;
    },
    get publishRefusal() {
      return [...refusals.values()].at(-1);
    },
    onState: (listener) => state.listen(listener),
    ready: (signal) => state.until(['ready'], signal),
    createPublisher: ({ timeout = publishTimeout } = {}) =>
      track((onClose) => {
        const key = Symbol('publisher');
        const onRefusal = (refusal: FlotillaError | undefined) => {
          refusals.delete(key);
          if (refusal !== undefined) refusals.set(key, refusal);
        };
        const { missing: onMissing } = repair;
        return createPublisher({ connection: publishing, userId, logger, timeout, onMissing, onRefusal, onClose });
      }),
    consume: (queue, consumeOptions) =>
      track((onClose) => {
        const onMissing = () => repair.missing({ kind: 'queue', queue });
        return createConsumer({ ...consumeOptions, connection: consuming, logger, queue, onMissing, onClose });
      }),
    readStream: (stream, readOptions) =>
      track((onClose) => {
        const onMissing = () => repair.missing({ kind: 'queue', queue: stream });
        return createStreamReader({ ...readOptions, connection: consuming, logger, stream, onMissing, onClose });
      }),
    applyTopology: (topology, signal) => repair.apply(topology, signal),
    planTopology: (topology) => admin.plan(topology),
    removeTopology: (parts) => repair.remove(parts),
    hasExchange: (name) => admin.hasExchange(name),
    queueDepth: (queue) => admin.depth(queue),
    async findRefusing(exchange, routingKey) {
      if (management === undefined) throw new FlotillaError('broker.management', 'no URL of it is known');
      return findRefusing(management, exchange, routingKey);
    },
    async close() {
      repair.close();
      const closing = Promise.all([...parts].map((part) => part.close()));
      // channels that do not close cleanly end with their connection
      await within(CLOSE_TIMEOUT_MS, 'closing channels', closing).catch(() => undefined);
      await Promise.all([...connections].map((connection) => connection.close()));
    },
  };
}

/** Returns the worse state of two required connections. */
function worst(a: BrokerState, b: BrokerState): BrokerState {
  for (const state of ['closed', 'connecting', 'blocked'] as const) if (a === state || b === state) return state;
  return 'ready';
}
