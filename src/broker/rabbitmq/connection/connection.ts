import '../decode-headers.js';
import { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from 'amqp-connection-manager';
import type { Channel, ChannelModel, ConfirmChannel } from 'amqplib';
import { backoffDelay } from '../../../concurrency/backoff.js';
import { FlotillaError, messageOf } from '../../../errors.js';
import { BoundedLog } from '../../../telemetry/bounded-log.js';
import type { Logger } from '../../../telemetry/logger.js';
import { StateCell } from '../../broker-state.js';
import { hostOf } from './addresses.js';
import { causeOf, failureOfAll, isPermanentFailure, type ConnectFailure } from './connect-failure.js';
import { within } from '../limits.js';
import { joinWrites } from './join-writes.js';

export interface ConnectionOptions {
  /** The nodes of the broker, in the order in which they are tried. */
  urls: readonly [string, ...string[]];
  /** Shown by the broker, and in logs instead of the URL, which contains the password. */
  name: string;
  logger: Logger;
  /** Seconds. A peer that is silent for about two heartbeats counts as lost. */
  heartbeat: number;
  /** Called with each new connection before it counts as connected. Resolves with the reason why the broker belongs
   *  to another fleet, if it does; undefined: nothing to verify. */
  verify?: (connection: ChannelModel) => Promise<string | undefined> | undefined;
  /** Called each time all nodes have failed, or the broker belongs to another fleet. Must not throw. */
  onUnreachable?: (failure: ConnectFailure) => void;
}

/** One connection to the broker, reopened after every loss until closed. `ready` and `blocked` both mean connected. */
export interface Connection {
  readonly name: string;
  readonly state: StateCell;
  /** The reason why publishers are blocked; undefined while they are not. */
  readonly blockedBy: string | undefined;
  /** These reject with `broker.disconnected` without a connection. */
  openChannel(): Promise<Channel>;
  openConfirmChannel(): Promise<ConfirmChannel>;
  /** Closes the socket of an unresponsive connection, so that it reconnects: to the next node, if there are several. */
  cut(reason: string): void;
  /** Records that the node works: it has confirmed or refused a publish. */
  answered(): void;
  /** Moves to another node, if there are several, unless this one has `answered` within this number of milliseconds:
   *  it may be partitioned from the others. */
  leaveIfSilent(limit: number): void;
  /** Closes cleanly, or by force after some seconds. */
  close(): Promise<void>;
}

const RECONNECT_DELAY_MS = { first: 100, most: 5000 };
/** A connection that lasted this long was stable: the next loss starts with the shortest delay. */
const STABLE_AFTER_MS = 1000;
/** A broker that accepts connections and loses them immediately is retried after at most 0.8 s. */
const MAX_LOSSES = 4;
/** For a node that accepts the connection and then does not answer. */
const CONNECT_TIMEOUT_MS = 10_000;
/** The same limit if there are other nodes to try. */
const CONNECT_TIMEOUT_OF_SEVERAL_MS = 5000;
const CLOSE_TIMEOUT_MS = 5000;
/** Minimum time between two log entries about the same cause. */
const LOG_INTERVAL_MS = 60_000;

/** Opens a connection. The only file that uses amqp-connection-manager, and only for the connection; channels are
 *  managed elsewhere. */
export function openConnection(options: ConnectionOptions): Connection {
  const { urls, name, logger, heartbeat, verify, onUnreachable } = options;
  const state = new StateCell();
  const closing = new AbortController();
  const logged = new BoundedLog(logger, LOG_INTERVAL_MS);
  let model: ChannelModel | undefined;
  let isVerified = false;
  let blockedBy: string | undefined;
  let current = 0;
  // consecutive failed rounds through all nodes
  let rounds = 0;
  let failures: ConnectFailure[] = [];
  let wasLost = false;
  let examining: Promise<void> | undefined;
  let since = 0;
  let answeredAt = 0;
  const urlOf = (index: number) => urls[index % urls.length] ?? urls[0];

  const manager = connect(undefined, {
    heartbeatIntervalInSeconds: heartbeat,
    // called before every attempt, with one server each; the delay is here because the manager's has no jitter
    findServers: async () => {
      await examining;
      if (rounds > 0) await sleep(backoffDelay(rounds, RECONNECT_DELAY_MS), undefined, { signal: closing.signal });
      return urlOf(current);
    },
    reconnectTimeInSeconds: 0.001,
    connectionOptions: {
      noDelay: true,
      timeout: urls.length === 1 ? CONNECT_TIMEOUT_MS : CONNECT_TIMEOUT_OF_SEVERAL_MS,
      clientProperties: { connection_name: name },
    },
  });

  manager.on('connect', ({ connection }: { connection: object }) => {
    if (!isChannelModel(connection)) throw new TypeError('amqplib gave something that is no connection');
    const stream = streamOf(connection);
    if (stream !== undefined) joinWrites(stream);
    model = connection;
    blockedBy = undefined;
    since = performance.now();
    failures = [];
    const verifying = verify?.(connection);
    if (verifying === undefined) accept();
    else void acceptVerified(connection, verifying);
  });

  function accept(): void {
    isVerified = true;
    const fields = { connection: name, node: hostOf(urlOf(current)) };
    if (wasLost) logger.warn('connected to the broker', fields);
    else logger.debug('connected to the broker', fields);
    wasLost = false;
    state.set(blockedBy === undefined ? 'ready' : 'blocked');
  }

  /** Refuses the broker of another fleet, and connects again later: the own broker may return to this address. */
  async function acceptVerified(connection: ChannelModel, verifying: Promise<string | undefined>): Promise<void> {
    try {
      const conflict = await verifying;
      if (model !== connection || closing.signal.aborted) return;
      if (conflict === undefined) return accept();
      const failure: ConnectFailure = { code: 'fleet.prefix_taken', detail: `${hostOf(urlOf(current))}: ${conflict}` };
      reportFailure(failure);
      cut('another fleet uses the prefix on this broker');
    } catch (error) {
      if (model === connection) cut(`the claims of this process could not be verified: ${messageOf(error)}`);
    }
  }

  manager.on('disconnect', ({ err }: { err?: unknown }) => {
    model = undefined;
    isVerified = false;
    wasLost = true;
    rounds = performance.now() - since >= STABLE_AFTER_MS ? 1 : Math.min(rounds + 1, MAX_LOSSES);
    if (!closing.signal.aborted) {
      const reason = err === undefined ? 'closed' : messageOf(err);
      logger.warn('connection to the broker lost', { connection: name, node: hostOf(urlOf(current)), reason });
    }
    current += 1;
    state.set('connecting');
  });
  manager.on('connectFailed', ({ err }: { err: unknown }) => {
    const url = urlOf(current);
    current += 1;
    if (closing.signal.aborted) return;
    examining = causeOf(err, url).then((cause) => {
      failures.push(cause);
      if (failures.length % urls.length !== 0) return;
      rounds += 1;
      wasLost = true;
      const failure = failureOfAll(failures);
      failures = [];
      if (!closing.signal.aborted) reportFailure(failure);
    });
  });
  function reportFailure(failure: ConnectFailure): void {
    const level = isPermanentFailure(failure) || failure.code === 'fleet.prefix_taken' ? 'error' : 'warn';
    logged.log(level, failure.code, 'cannot connect to the broker; retrying', {
      connection: name,
      code: failure.code,
      error: new FlotillaError(failure.code, failure.detail).message,
    });
    onUnreachable?.(failure);
  }
  manager.on('blocked', ({ reason }: { reason: string }) => {
    logger.warn('the broker blocks publishers', { connection: name, reason });
    blockedBy = reason;
    if (isVerified) state.set('blocked');
  });
  manager.on('unblocked', () => {
    logger.warn('the broker accepts publishes again', { connection: name });
    blockedBy = undefined;
    if (isVerified) state.set('ready');
  });

  const connected = (): ChannelModel => {
    if (model === undefined || !isVerified) throw new FlotillaError('broker.disconnected', 'no connection');
    return model;
  };
  const cut = (reason: string) => {
    const stream = model && streamOf(model);
    if (stream === undefined) return;
    logger.warn('closing an unresponsive connection', { connection: name, reason });
    stream.destroy(new Error(reason));
  };

  return {
    name,
    state,
    get blockedBy() {
      return state.value === 'blocked' ? blockedBy : undefined;
    },
    openChannel: async () => connected().createChannel(),
    openConfirmChannel: async () => connected().createConfirmChannel(),
    cut,
    answered() {
      answeredAt = performance.now();
    },
    leaveIfSilent(limit) {
      if (urls.length === 1 || performance.now() - answeredAt < limit) return;
      answeredAt = performance.now();
      cut(`nothing was confirmed within ${limit} ms; trying another node`);
    },
    async close() {
      if (closing.signal.aborted) return;
      closing.abort(new FlotillaError('broker.closed'));
      await within(CLOSE_TIMEOUT_MS, 'closing the connection', manager.close()).catch((error: unknown) => {
        logger.debug('the connection did not close cleanly', { connection: name, reason: messageOf(error) });
        cut('closed by force');
      });
      model = undefined;
      state.set('closed');
    },
  };
}

/** Returns the socket of a connection. */
function streamOf({ connection }: ChannelModel): Duplex | undefined {
  return 'stream' in connection && connection.stream instanceof Duplex ? connection.stream : undefined;
}

/** The manager's types hide that its connection is amqplib's. */
function isChannelModel(connection: object): connection is ChannelModel {
  return 'createConfirmChannel' in connection && 'createChannel' in connection;
}
