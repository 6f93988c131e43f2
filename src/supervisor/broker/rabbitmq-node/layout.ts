import { existsSync } from 'node:fs';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { makeDirectory } from '../../../files/make-directory.js';

/** MQTT on a node. */
export const mqttOptions = z.object({
  host: z.string(),
  port: z.number().int(),
  /** The exchange to which devices publish. */
  exchange: z.string(),
  /** A second port, with TLS. */
  tls: z.object({ port: z.number().int(), certificate: z.string(), key: z.string() }).optional(),
});

export type MqttOptions = z.infer<typeof mqttOptions>;

/** The facts about a node that other processes need; written to `node.json` in its directory. */
const nodeRecord = z.object({
  name: z.string(),
  /** On the command line of every process of the node, so that a reused process id is not mistaken for it. */
  marker: z.string(),
  server: z.string(),
  searchPath: z.string(),
  /** The process id of the script, which leads the process group. */
  scriptPid: z.number().int().optional(),
  ports: z.object({
    amqp: z.number().int(),
    management: z.number().int(),
    prometheus: z.number().int(),
    distribution: z.number().int(),
    epmd: z.number().int(),
  }),
  diskFreeLimit: z.string(),
  consumerTimeout: z.number().int().optional(),
  mqtt: mqttOptions.optional(),
});

export type NodeRecord = z.infer<typeof nodeRecord>;

/** Every path of a node, all below its directory. */
export function layoutOf(dataDir: string) {
  return {
    record: join(dataDir, 'node.json'),
    version: join(dataDir, 'version'),
    pidFile: join(dataDir, 'rabbit.pid'),
    config: join(dataDir, 'rabbitmq.conf'),
    environment: join(dataDir, 'rabbitmq-env.conf'),
    plugins: join(dataDir, 'enabled_plugins'),
    mnesia: join(dataDir, 'mnesia'),
    logs: join(dataDir, 'log'),
    startupLog: join(dataDir, 'log', 'startup.log'),
  };
}

/** Writes the configuration of the node. Everything listens on loopback, streams over AMQP only. */
export async function writeConfiguration(dataDir: string, record: NodeRecord): Promise<void> {
  const { ports, diskFreeLimit, consumerTimeout, mqtt } = record;
  const layout = layoutOf(dataDir);
  makeDirectory(layout.logs);
  const lines = [
    `listeners.tcp.1 = 127.0.0.1:${ports.amqp}`,
    'management.tcp.ip = 127.0.0.1',
    `management.tcp.port = ${ports.management}`,
    'prometheus.tcp.ip = 127.0.0.1',
    `prometheus.tcp.port = ${ports.prometheus}`,
    `disk_free_limit.absolute = ${diskFreeLimit}`,
    // on one machine with few queues, the numbers of the management API may be updated often
    'collect_statistics_interval = 1000',
    'log.file = rabbit.log',
    'log.console = false',
    ...(consumerTimeout === undefined ? [] : [`consumer_timeout = ${consumerTimeout}`]),
    ...(mqtt === undefined ? [] : mqttLines(mqtt)),
  ];
  await writeFile(layout.config, `${lines.join('\n')}\n`);
  const plugins = ['rabbitmq_management', 'rabbitmq_prometheus', ...(mqtt === undefined ? [] : ['rabbitmq_mqtt'])];
  await writeFile(layout.plugins, `[${plugins.join(',')}].\n`);
  await writeFile(layout.environment, environmentFile(dataDir, record));
}

/** Each device has a user of the broker. A connection without a user is refused. */
function mqttLines({ host, port, exchange, tls }: MqttOptions): string[] {
  return [
    `mqtt.listeners.tcp.1 = ${host}:${port}`,
    'mqtt.allow_anonymous = false',
    `mqtt.exchange = ${exchange}`,
    ...(tls === undefined
      ? []
      : [
          `mqtt.listeners.ssl.1 = ${host}:${tls.port}`,
          `ssl_options.certfile = ${tls.certificate}`,
          `ssl_options.keyfile = ${tls.key}`,
        ]),
  ];
}

/** What rabbitmqctl needs to reach the node, as shell assignments. Read in place of the machine's own
 *  rabbitmq-env.conf by the node and by a rabbitmqctl with RABBITMQ_CONF_ENV_FILE. */
function environmentFile(dataDir: string, record: NodeRecord): string {
  const { HOME, RABBITMQ_NODENAME, RABBITMQ_CTL_ERL_ARGS, ERL_EPMD_PORT, ERL_EPMD_ADDRESS } = environmentOf(
    dataDir,
    record,
    '',
  );
  return Object.entries({ HOME, RABBITMQ_NODENAME, RABBITMQ_CTL_ERL_ARGS, ERL_EPMD_PORT, ERL_EPMD_ADDRESS })
    .map(([name, value]) => `${name}='${value.replaceAll("'", `'\\''`)}'\n`)
    .join('');
}

export async function readRecord(dataDir: string): Promise<NodeRecord | undefined> {
  const { record } = layoutOf(dataDir);
  if (!existsSync(record)) return undefined;
  const parsed = nodeRecord.safeParse(parseJson(await readFile(record, 'utf8')));
  return parsed.success ? parsed.data : undefined;
}

/** Replaces the record atomically: a reader sees the old or the new one. */
export async function writeRecord(dataDir: string, record: NodeRecord): Promise<void> {
  makeDirectory(dataDir);
  const { record: path } = layoutOf(dataDir);
  await writeFile(`${path}.new`, JSON.stringify(record, undefined, 2));
  await rename(`${path}.new`, path);
}

export async function removeRecord(dataDir: string): Promise<void> {
  await rm(layoutOf(dataDir).record, { force: true });
}

/** The process id of the Erlang VM, which the VM writes itself; undefined until then. */
export async function readBeamPid(dataDir: string): Promise<number | undefined> {
  const text = await readFile(layoutOf(dataDir).pidFile, 'utf8').catch(() => '');
  const pid = Number.parseInt(text, 10);
  return Number.isSafeInteger(pid) && pid > 1 ? pid : undefined;
}

/** An idle scheduler of the Erlang VM would otherwise keep a core busy for a while, which the fleet's processes need. */
const NO_BUSY_WAITING = '+sbwt none +sbwtdcpu none +sbwtdio none';
/** Threads of the Erlang VM for files: one may wait for a slow sync. By default there are ten. */
const FILE_THREADS = 2;

/** Returns the options for the threads of the Erlang VM. It shares the machine with the fleet and uses half of the cores:
 *  two schedulers, which wake each other for every message, need 1.6 times the CPU time of one. */
export function vmThreads(cores: number): string {
  const schedulers = Math.max(1, Math.floor(cores / 2));
  return `+S ${schedulers}:${schedulers} +SDcpu ${schedulers}:${schedulers} +SDio ${FILE_THREADS} ${NO_BUSY_WAITING}`;
}

/** The environment of the node and its command line tools: only these variables, and none of this process. */
export function environmentOf(dataDir: string, { name, ports }: NodeRecord, path: string) {
  const layout = layoutOf(dataDir);
  return {
    PATH: path,
    HOME: dataDir,
    LANG: 'C.UTF-8',
    RABBITMQ_NODENAME: name,
    RABBITMQ_MNESIA_BASE: layout.mnesia,
    RABBITMQ_LOG_BASE: layout.logs,
    RABBITMQ_CONFIG_FILE: layout.config,
    RABBITMQ_CONF_ENV_FILE: layout.environment,
    RABBITMQ_ENABLED_PLUGINS_FILE: layout.plugins,
    RABBITMQ_PID_FILE: layout.pidFile,
    RABBITMQ_DIST_PORT: String(ports.distribution),
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: `-kernel inet_dist_use_interface {127,0,0,1} ${vmThreads(availableParallelism())}`,
    RABBITMQ_CTL_ERL_ARGS: '-kernel inet_dist_use_interface {127,0,0,1}',
    ERL_EPMD_PORT: String(ports.epmd),
    ERL_EPMD_ADDRESS: '127.0.0.1',
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
