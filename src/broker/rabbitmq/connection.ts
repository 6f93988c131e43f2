import { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from 'amqp-connection-manager';
import type { Channel, ChannelModel, ConfirmChannel } from 'amqplib';
import { FlotillaError, messageOf } from '../../errors.js';
import type { Logger } from '../../telemetry/logger.js';
import { StateCell } from '../state.js';
import { backoff, within } from './limits.js';

export interface ConnectionOptions {
  url: string;
  /** Shown by the broker, and in logs in place of the URL, which has the password in it. */
  name: string;
  logger: Logger;
  /** In seconds. A peer that is silent for about two of them counts as gone. */
  heartbeat: number;
}

/** One connection to the broker, made again after every loss until closed. `ready` and `blocked` both mean connected. */
export interface Connection {
  readonly name: string;
  readonly state: StateCell;
  /** These reject with `broker.disconnected` while there is no connection. */
  openChannel(): Promise<Channel>;
  openConfirmChannel(): Promise<ConfirmChannel>;
  /** Cuts the socket of a connection that doesn't answer, so that another is made. */
  cut(reason: string): void;
  /** In good order, by force after some seconds. */
  close(): Promise<void>;
}

const RECONNECT = { least: 100, most: 5000 };
/** A connection that lived this long was a good one: the next loss starts with the shortest wait again. */
const GOOD_AFTER = 1000;
/** A broker that takes connections and loses them at once is asked again every 0.8 s at least. */
const MOST_LOSSES = 4;
const CONNECT_LIMIT = 10_000;
const CLOSE_LIMIT = 5000;

/** The only file that knows of amqp-connection-manager: it keeps the connection, and channels are kept elsewhere. */
export function openConnection({ url, name, logger, heartbeat }: ConnectionOptions): Connection {
  const state = new StateCell();
  const closing = new AbortController();
  let model: ChannelModel | undefined;
  let failures = 0;
  let since = 0;

  const manager = connect(undefined, {
    heartbeatIntervalInSeconds: heartbeat,
    // asked before every try, since there is one server: the wait between tries is in here, as the manager's has no jitter
    findServers: async () => {
      if (failures > 0) await sleep(backoff(failures, RECONNECT), undefined, { signal: closing.signal });
      return url;
    },
    reconnectTimeInSeconds: 0.001,
    connectionOptions: {
      noDelay: true,
      timeout: CONNECT_LIMIT,
      clientProperties: { connection_name: name },
    },
  });

  manager.on('connect', ({ connection }: { connection: object }) => {
    if (!isChannelModel(connection)) throw new TypeError('amqplib gave something that is no connection');
    model = connection;
    since = performance.now();
    logger.debug('connected to the broker', { connection: name });
    state.set('ready');
  });
  manager.on('disconnect', ({ err }: { err?: unknown }) => {
    model = undefined;
    failures = performance.now() - since >= GOOD_AFTER ? 1 : Math.min(failures + 1, MOST_LOSSES);
    if (!closing.signal.aborted) {
      logger.warn('lost the broker', { connection: name, reason: err === undefined ? 'closed' : messageOf(err) });
    }
    state.set('connecting');
  });
  manager.on('connectFailed', ({ err }: { err: unknown }) => {
    failures += 1;
    if (closing.signal.aborted) return;
    const level = failures === 1 || failures % 20 === 0 ? 'warn' : 'debug';
    logger.log(level, 'cannot reach the broker', { connection: name, reason: messageOf(err), tries: failures });
  });
  manager.on('blocked', ({ reason }: { reason: string }) => {
    logger.warn('the broker takes no publishes', { connection: name, reason });
    state.set('blocked');
  });
  manager.on('unblocked', () => {
    logger.info('the broker takes publishes again', { connection: name });
    if (model !== undefined) state.set('ready');
  });

  const connected = (): ChannelModel => {
    if (model === undefined) throw new FlotillaError('broker.disconnected', 'no connection');
    return model;
  };
  const cut = (reason: string) => {
    const inner = model?.connection;
    if (inner === undefined || !('stream' in inner) || !(inner.stream instanceof Duplex)) return;
    logger.warn('cutting the connection', { connection: name, reason });
    inner.stream.destroy(new Error(reason));
  };

  return {
    name,
    state,
    openChannel: async () => connected().createChannel(),
    openConfirmChannel: async () => connected().createConfirmChannel(),
    cut,
    async close() {
      if (closing.signal.aborted) return;
      closing.abort(new FlotillaError('broker.closed'));
      await within(CLOSE_LIMIT, 'closing the connection', manager.close()).catch((error: unknown) => {
        logger.debug('the connection did not close in order', { connection: name, reason: messageOf(error) });
        cut('closed by force');
      });
      model = undefined;
      state.set('closed');
    },
  };
}

/** The manager's types hide that its connection is amqplib's. */
function isChannelModel(connection: object): connection is ChannelModel {
  return 'createConfirmChannel' in connection && 'createChannel' in connection;
}
