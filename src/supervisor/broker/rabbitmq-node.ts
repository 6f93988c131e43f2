import '../../broker/rabbitmq/decode-headers.js';
import { execFile, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { open, readFile, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual, promisify } from 'node:util';
import { connect } from 'amqplib';
import { z } from 'zod';
import { boundedFetch } from '../../net/bounded-fetch.js';
import { describeListener } from '../../net/listener-of.js';
import { FlotillaError, messageOf } from '../../errors.js';
import type { Logger } from '../../telemetry/logger.js';
import { completeDeclarations } from './rabbitmq-node/complete-declarations.js';
import { endEpmd } from './rabbitmq-node/epmd.js';
import { findRabbitmqServer, pathFor } from './rabbitmq-node/install.js';
import type { MqttOptions, NodeRecord } from './rabbitmq-node/layout.js';
import * as files from './rabbitmq-node/layout.js';
import { freePort, isFree } from './rabbitmq-node/ports.js';
import { failedUpgrade, isUpgrade, refusalOf, versionsOf } from './rabbitmq-node/data-version.js';
import { isPortTaken, reasonOf } from './rabbitmq-node/startup-log.js';
import { recordDataVersion } from './rabbitmq-node/version.js';
import { ended, runsWith, signalProcess } from './rabbitmq-node/process.js';

export { findRabbitmqServer } from './rabbitmq-node/install.js';

export interface RabbitNodeOptions {
  /** The directory of all files of the node: messages, logs, cookie, configuration. */
  dataDir: string;
  /** Preferred port; if it is taken, the next free one is used. @default a random free port */
  amqpPort?: number;
  /** Preferred port; if it is taken, the next free one is used. @default a random free port */
  managementPort?: number;
  /** @default 'flotilla@localhost' */
  name?: string;
  /** The port of Erlang's port mapper, which the nodes of a cluster share. @default a random free port */
  epmdPort?: number;
  logger: Logger;
  signal?: AbortSignal;
  /** Publishers are blocked while less disk space is free. @default '50MB' */
  diskFreeLimit?: string;
  /** Milliseconds after which an unacked delivery closes its channel. @default the broker's, 30 minutes */
  consumerTimeout?: number;
  /** @default no MQTT */
  mqtt?: MqttOptions | undefined;
  /** Additional directories, as a PATH, in which to search for RabbitMQ and Erlang. */
  searchPath?: string;
  /** The `rabbitmq-server` script to run. @default the script that is found */
  server?: string;
  /** Time limit for the start, in milliseconds. @default 90000 */
  startLimit?: number;
}

/** A private RabbitMQ node on loopback: user `guest`, password `guest`. */
export interface RabbitNode {
  readonly dataDir: string;
  readonly name: string;
  readonly amqpUrl: string;
  readonly managementUrl: string;
  /** Undefined without MQTT. */
  readonly mqttUrl: string | undefined;
  /** The process id of the Erlang VM. */
  readonly pid: number;
  /** Stops the node cleanly (by force after 30 s) and the epmd that it started. Idempotent. */
  stop(): Promise<void>;
  /** Kills the Erlang VM like `kill -9`; resolves when it has ended. `restart` starts it again. */
  kill(): Promise<void>;
  /** Starts it again after `kill` or `stop`, on the same ports and data. Throws `broker.not_started`, with the program
   *  if it is known, while another program listens on one of the ports. */
  restart(): Promise<void>;
}

const START_TIMEOUT_MS = 90_000;
const STOP_TIMEOUT_MS = 30_000;
/** The script waits for an Erlang VM that has already ended. Without a VM, the script is still starting. */
const SCRIPT_TIMEOUT_MS = 1000;
/** A killed process loses its command line shortly before its sockets. */
const PORT_RELEASE_MS = 1000;
const POLL_INTERVAL_MS = 150;
/** Fleets that start at the same time choose the same ports, and each attempt of one loses against one other fleet. */
const MAX_START_ATTEMPTS = 5;
const overviewOf = z.object({
  node: z.string(),
  rabbitmq_version: z.string(),
  listeners: z.array(z.object({ protocol: z.string(), port: z.number() })),
});
const execute = promisify(execFile);

/** Starts a node and resolves when AMQP and the management API respond. A node that an earlier process left running in
 *  `dataDir` is ended first; to keep it, call `adoptRabbitNode` before. The node outlives this process unless stopped.
 *  Throws `broker.unreachable` if RabbitMQ is not installed, `broker.not_started`, with the reason in its log, if two
 *  attempts to start it fail, or five because other processes take its ports, and `broker.data_version` if another version wrote the data and this one cannot read
 *  them. */
export async function startRabbitNode(options: RabbitNodeOptions): Promise<RabbitNode> {
  const server = options.server ?? findRabbitmqServer(options.searchPath);
  if (server === undefined) throw new FlotillaError('broker.unreachable', 'rabbitmq-server is not installed');
  const dataDir = resolve(options.dataDir);
  await endRabbitNode(dataDir);
  for (let attempt = 1; ; attempt += 1) {
    const record: NodeRecord = {
      name: options.name ?? 'flotilla@localhost',
      marker: randomUUID(),
      server,
      searchPath: options.searchPath ?? '',
      ports: await choosePorts(options),
      diskFreeLimit: options.diskFreeLimit ?? '50MB',
      ...(options.consumerTimeout === undefined ? {} : { consumerTimeout: options.consumerTimeout }),
      ...(options.mqtt === undefined ? {} : { mqtt: options.mqtt }),
    };
    try {
      return nodeFrom(dataDir, await launch(dataDir, record, options), options);
    } catch (error) {
      await endRabbitNode(dataDir);
      // a port may be taken after it was found free, and Erlang's port mapper may refuse the first registration of a
      // node that it starts for
      const mayStart = error instanceof StartFailure && (error.portTaken || attempt === 1);
      if (!mayStart || attempt === MAX_START_ATTEMPTS) throw error;
      options.logger.warn('the RabbitMQ node did not start and is started again', { error: error.message });
    }
  }
}

/** Returns the node that is running in `dataDir` and responds, whichever process started it; undefined if there is
 *  none with this MQTT. */
export async function adoptRabbitNode(
  dataDir: string,
  options: { logger: Logger; mqtt?: MqttOptions | undefined },
): Promise<RabbitNode | undefined> {
  const directory = resolve(dataDir);
  const record = await files.readRecord(directory);
  const pid = await files.readBeamPid(directory);
  if (record === undefined || pid === undefined || !(await runsWith(pid, record.marker))) return undefined;
  if (!isDeepStrictEqual(record.mqtt, options.mqtt)) return undefined;
  if ((await answer(record)) === undefined) return undefined;
  options.logger.debug('adopted the RabbitMQ node', { pid, dataDir: directory });
  return nodeFrom(directory, { record, pid }, options);
}

/** The error `broker.data_version` if this RabbitMQ cannot run with the data of a node; undefined if it can, or may. */
export async function refusedData(
  dataDir: string,
  server: string,
  searchPath = '',
): Promise<FlotillaError | undefined> {
  return refusalOf(dataDir, await versionsOf(dataDir, server, pathFor(server, searchPath)));
}

/** Kills the node and the epmd that are running in `dataDir`, if any. */
export async function endRabbitNode(dataDir: string): Promise<void> {
  const directory = resolve(dataDir);
  const record = await files.readRecord(directory);
  if (record === undefined) return;
  const beam = await files.readBeamPid(directory);
  if (beam !== undefined) await killProcess(beam, record.marker);
  // the script reaps the VM and then ends by itself
  if (record.scriptPid !== undefined && !(await ended(record.scriptPid, record.marker, SCRIPT_TIMEOUT_MS))) {
    await killProcess(record.scriptPid, record.marker);
  }
  await endEpmd(record.ports.epmd);
  await rm(files.layoutOf(directory).pidFile, { force: true });
  await files.removeRecord(directory);
}

/** Runs `rabbitmqctl` against the node and resolves with its output; rejects if it fails. */
export async function rabbitmqctl(node: Pick<RabbitNode, 'dataDir'>, args: readonly string[]): Promise<string> {
  const record = await files.readRecord(node.dataDir);
  if (record === undefined) throw new FlotillaError('broker.unreachable', `no node runs in ${node.dataDir}`);
  const env = files.environmentOf(node.dataDir, record, pathFor(record.server, record.searchPath));
  const command = join(dirname(record.server), 'rabbitmqctl');
  const { stdout } = await execute(command, ['-n', record.name, ...args], { env, timeout: 60_000 });
  return stdout;
}

/** A failure that a second start may not have. */
class StartFailure extends FlotillaError {
  constructor(
    detail: string,
    readonly portTaken = false,
  ) {
    super('broker.not_started', detail);
  }
}

interface Running {
  record: NodeRecord;
  pid: number;
}

function nodeFrom(
  dataDir: string,
  first: Running,
  options: Pick<RabbitNodeOptions, 'logger' | 'startLimit'>,
): RabbitNode {
  let { record, pid } = first;
  return {
    dataDir,
    name: record.name,
    amqpUrl: `amqp://guest:guest@127.0.0.1:${record.ports.amqp}`,
    managementUrl: `http://guest:guest@127.0.0.1:${record.ports.management}`,
    mqttUrl: record.mqtt && `mqtt://guest:guest@127.0.0.1:${record.mqtt.port}`,
    get pid() {
      return pid;
    },
    async stop() {
      if (await runsWith(pid, record.marker)) {
        signalProcess(pid, 'SIGTERM');
        if (!(await ended(pid, record.marker, STOP_TIMEOUT_MS)))
          options.logger.warn('the RabbitMQ node had to be killed', { pid });
      }
      await endRabbitNode(dataDir);
    },
    kill: () => killProcess(pid, record.marker),
    async restart() {
      await endRabbitNode(dataDir);
      await requireFreePorts(record);
      ({ record, pid } = await launch(dataDir, { ...record, marker: randomUUID() }, options));
    },
  };
}

/** The port mapper is not examined: the nodes of a cluster share it. */
async function requireFreePorts({ ports: { epmd: _, ...own } }: NodeRecord): Promise<void> {
  const until = performance.now() + PORT_RELEASE_MS;
  for (const port of Object.values(own)) {
    let free = await isFree(port);
    for (; !free && performance.now() < until; free = await isFree(port)) await sleep(POLL_INTERVAL_MS);
    if (free) continue;
    const listener = await describeListener(port);
    throw new FlotillaError('broker.not_started', `port ${port} is taken by ${listener}; end or move that program`);
  }
}

async function killProcess(pid: number, marker: string): Promise<void> {
  if (await runsWith(pid, marker)) signalProcess(pid, 'SIGKILL');
  await ended(pid, marker, STOP_TIMEOUT_MS);
}

async function launch(
  dataDir: string,
  planned: NodeRecord,
  { logger, signal, startLimit = START_TIMEOUT_MS }: Pick<RabbitNodeOptions, 'logger' | 'signal' | 'startLimit'>,
): Promise<Running> {
  signal?.throwIfAborted();
  const path = pathFor(planned.server, planned.searchPath);
  const versions = await versionsOf(dataDir, planned.server, path);
  const refusal = refusalOf(dataDir, versions);
  if (refusal !== undefined) throw refusal;
  await files.writeRecord(dataDir, planned);
  await files.writeConfiguration(dataDir, planned);
  const { startupLog } = files.layoutOf(dataDir);
  const log = await open(startupLog, 'w');
  try {
    // a separate process group: a Ctrl-C for this process must not reach it, and it must outlive a kill -9 of this one
    const child = spawn(planned.server, ['-flotilla_node', planned.marker], {
      cwd: dataDir,
      env: files.environmentOf(dataDir, planned, path),
      stdio: ['ignore', log.fd, log.fd],
      detached: true,
    });
    await once(child, 'spawn');
    child.unref();
    const record = { ...planned, ...(child.pid === undefined ? {} : { scriptPid: child.pid }) };
    await files.writeRecord(dataDir, record);
    const until = performance.now() + startLimit;
    let running = await answer(record);
    for (; running === undefined; running = await answer(record)) {
      signal?.throwIfAborted();
      const failed = child.exitCode !== null || child.signalCode !== null;
      if (failed || performance.now() >= until) {
        const output = await readFile(startupLog, 'utf8');
        if (failed && isUpgrade(versions)) throw failedUpgrade(dataDir, versions, output);
        if (!failed) throw new FlotillaError('broker.not_started', `no answer in time; see ${startupLog}`);
        const reason = reasonOf(output) ?? 'its log is empty';
        throw new StartFailure(`RabbitMQ ended: ${reason}; see ${startupLog}`, isPortTaken(output));
      }
      await sleep(POLL_INTERVAL_MS, undefined, signal === undefined ? {} : { signal });
    }
    const pid = await files.readBeamPid(dataDir);
    if (pid === undefined) throw new StartFailure(`RabbitMQ wrote no process id; see ${startupLog}`);
    logger.debug('started a RabbitMQ node', { pid, dataDir, port: record.ports.amqp, version: running });
    await recordDataVersion(dataDir, running);
    if (isUpgrade({ ...versions, installed: running })) await enableFeatureFlags(dataDir, logger);
    if (versions.written !== undefined) await afterItsEnd(dataDir, logger);
    return { record, pid };
  } finally {
    await log.close();
  }
}

/** The next release refuses data of a node with a disabled feature flag, and an upgrade leaves new ones disabled. */
async function enableFeatureFlags(dataDir: string, logger: Logger): Promise<void> {
  await rabbitmqctl({ dataDir }, ['enable_feature_flag', 'all']).catch((error: unknown) =>
    logger.warn('feature flags of RabbitMQ could not be enabled', { error: messageOf(error) }),
  );
}

/** Queues that a node declared when it ended have no leader, and refuse everything. */
async function afterItsEnd(dataDir: string, logger: Logger): Promise<void> {
  try {
    const count = await completeDeclarations((...args) => rabbitmqctl({ dataDir }, args));
    if (count !== 0) logger.warn('RabbitMQ ended while it declared queues; their declaration is completed', { count });
  } catch (error) {
    logger.warn('the queues of RabbitMQ could not be checked after its end', { error: messageOf(error) });
  }
}

/** The version of the node when AMQP accepts connections and the management API belongs to this node. The nodes of all
 *  fleets on a machine have the same name, and only the one of this record listens on its ports. */
async function answer({ name, ports }: NodeRecord): Promise<string | undefined> {
  try {
    const { text } = await boundedFetch(`http://127.0.0.1:${ports.management}/api/overview`, {
      headers: { authorization: `Basic ${Buffer.from('guest:guest').toString('base64')}` },
      timeout: 5000,
      maxBytes: 1_000_000,
    });
    const overview: unknown = JSON.parse(text);
    const found = overviewOf.safeParse(overview).data;
    if (found?.node !== name) return undefined;
    const listens = (protocol: string, port: number) =>
      found.listeners.some((listener) => listener.protocol === protocol && listener.port === port);
    if (!listens('clustering', ports.distribution) || !listens('amqp', ports.amqp)) return undefined;
    const connection = await connect(`amqp://guest:guest@127.0.0.1:${ports.amqp}`, { timeout: 5000 });
    await connection.close();
    return found.rabbitmq_version;
  } catch {
    return undefined;
  }
}

async function choosePorts({ amqpPort, managementPort, epmdPort }: RabbitNodeOptions): Promise<NodeRecord['ports']> {
  const taken = new Set<number>();
  const next = async (wanted?: number) => {
    const port = await freePort(wanted, taken);
    taken.add(port);
    return port;
  };
  return {
    amqp: await next(amqpPort),
    management: await next(managementPort),
    prometheus: await next(),
    distribution: await next(),
    epmd: epmdPort ?? (await next()),
  };
}
