import { existsSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import Database from 'better-sqlite3';
import type { Command } from 'commander';
import { readSandboxSettings } from '../../../config/worker-settings.js';
import { otherKey, requireKey } from '../../../broker/signing/key-registration.js';
import { namesFor } from '../../../broker/topology/topology.js';
import { probeBroker } from '../../../broker/rabbitmq/connection/probe.js';
import { FlotillaError, messageOf, withRemedy } from '../../../errors.js';
import { isSupportedNode, OLDEST_NODE, requireSupportedNode } from '../../../supported-node.js';
import { dataDirProblem } from '../../../supervisor/data-directory/data-dir.js';
import { portProblem, requireDistinctPorts } from '../../../supervisor/ports.js';
import { findRabbitmqServer, refusedData } from '../../../supervisor/broker/rabbitmq-node.js';
import { brokerAddress } from '../../../runtime/broker/broker-address.js';
import { dataDirOf } from '../../../runtime/place.js';
import type { Context } from '../../shared/context.js';
import { examples } from '../../shared/examples.js';
import { withoutKey } from '../../shared/without-key.js';
import { describeDisabled, requireSettings } from '../../shared/check-settings.js';
import { runDirOf } from '../../../runtime/place.js';
import { readProcesses } from '../../../observability/processes/process-registry.js';
import { enabledWorkers } from '../../../runtime/fleet/enabled-workers.js';
import { describeDifference, differentSettings } from '../../../runtime/fleet/topology-settings.js';
import { checkBroker } from './check-broker.js';
import { checkCluster } from './check-cluster.js';
import { checkLeases } from './check-leases.js';
import { checkManagement } from './check-management.js';
import { checkMqtt } from './check-mqtt.js';
import { checkPermissions } from './check-permissions.js';
import { checkStores } from './check-stores.js';
import type { Finding } from './finding.js';
import { operatorPlace } from '../../shared/session.js';
import { connectOperator } from '../../../runtime/operator/operator-broker.js';
import { CommandFailed } from '../../shared/failure.js';

const MIN_FREE_DISK_BYTES = 500_000_000;

const checks: Readonly<Record<string, (context: Context) => Promise<Finding | Finding[]>>> = {
  node: checkNode,
  sqlite: checkAddon,
  configuration: checkConfiguration,
  fleet: checkFleet,
  signatures: checkSignatures,
  rabbitmq: checkRabbit,
  broker: async (context) => checkBroker(await brokerAddress(context)),
  management: async (context) => {
    const address = await brokerAddress(context);
    const isSet = context.env['AMQP_MANAGEMENT_URL'] !== undefined && address.from !== 'the fleet that runs here';
    return checkManagement(address, { isSet });
  },
  cluster: checkCluster,
  permissions: checkPermissions,
  mqtt: checkMqtt,
  ports: checkPorts,
  disk: checkDisk,
  stores: checkStores,
  leases: checkLeases,
};

export function register(program: Command, context: Context): void {
  program
    .command('doctor')
    .option('--json', 'print JSON')
    .addHelpText('after', examples(['flotilla doctor', 'check this machine, the fleet and the broker']))
    .action((flags: { json?: boolean }) => runDoctor(flags, context));
}

async function runDoctor({ json = false }: { json?: boolean }, context: Context): Promise<void> {
  const items: (Finding & { name: string })[] = [];
  for (const [name, check] of Object.entries(checks)) {
    const found = await check(context).catch((error: unknown): Finding => ({
      ok: false,
      detail: error instanceof FlotillaError ? withRemedy(error) : messageOf(error),
    }));
    for (const finding of [found].flat()) {
      items.push({ name, ...finding });
      if (!json) context.print(`${wordOf(finding)} ${name.padEnd(14)} ${finding.detail}`);
    }
  }
  if (json) context.printJson({ items, total: items.length }, 2);
  if (items.some(({ ok }) => !ok)) throw new CommandFailed('something is wrong');
}

function wordOf({ ok, warning = false }: Finding): string {
  if (!ok) return 'FAIL';
  return warning ? 'WARN' : 'ok  ';
}

async function checkNode(): Promise<Finding> {
  const ok = isSupportedNode();
  return { ok, detail: `${process.versions.node}${ok ? '' : `; ${OLDEST_NODE} or newer is required`}` };
}

async function checkAddon(): Promise<Finding> {
  requireSupportedNode();
  const database = new Database(':memory:');
  try {
    const row = database.prepare<[], { version: string }>('SELECT sqlite_version() AS version').get();
    return { ok: row !== undefined, detail: `better-sqlite3 loads, SQLite ${row?.version ?? 'says nothing'}` };
  } finally {
    database.close();
  }
}

async function checkConfiguration(context: Context): Promise<Finding[]> {
  const different = await differentSettings(context);
  if (different.length === 0) return [{ ok: true, detail: `valid; data in ${context.config.dataDir}` }];
  return different.map((each) => ({ ok: true, warning: true, detail: describeDifference(each) }));
}

/** Without a key, any publisher in the virtual host can forge any message. */
async function checkSignatures(context: Context): Promise<Finding> {
  const { config, fleetKeys: keys } = context;
  if (keys === undefined) {
    const willBeMade = config.amqpUrl === undefined && !existsSync(dataDirOf(context));
    if (willBeMade) return { ok: true, detail: '`up` creates a key in DATA_DIR' };
    const unsigned = 'messages are not signed: any publisher in the virtual host can forge them; set FLEET_KEY';
    const id = await keyOfFleet(context);
    const detail = id === undefined ? unsigned : withoutKey(id);
    return { ok: true, warning: true, detail };
  }
  const how = {
    require: 'unsigned messages are refused',
    warn: 'unsigned ones are accepted',
    off: 'signatures are not checked',
  };
  const detail = `messages are signed with key ${keys.current.id}; ${how[config.verifySignatures]}`;
  const { amqpUrl, from } = await brokerAddress(context);
  if (from === 'default') return { ok: true, warning: config.verifySignatures !== 'require', detail };
  if ((await probeBroker(amqpUrl)).failures.length > 0) return { ok: true, detail }; // reported by `broker`
  const broker = await connectOperator(operatorPlace(context), 'read');
  try {
    await requireKey(broker, namesFor(config.prefix), keys);
  } finally {
    await broker.close();
  }
  return { ok: true, warning: config.verifySignatures !== 'require', detail };
}

/** Resolves with the id of the key of the fleet on the broker; undefined if there is none, or no broker. */
async function keyOfFleet(context: Context): Promise<string | undefined> {
  const { amqpUrl, from } = await brokerAddress(context);
  if (from === 'default' || (await probeBroker(amqpUrl)).failures.length > 0) return undefined;
  const broker = await connectOperator(operatorPlace(context), 'read');
  try {
    return await otherKey(broker, namesFor(context.config.prefix), undefined);
  } finally {
    await broker.close();
  }
}

async function checkFleet(context: Context): Promise<Finding> {
  const fleet = await context.fleet();
  const enabled = enabledWorkers(fleet, context.config);
  requireSettings(context.env, fleet, enabled);
  const disabled = describeDisabled(fleet, context.config);
  const listed = `${enabled.length} workers: ${enabled.map(({ name }) => name).join(', ')}`;
  return { ok: true, detail: disabled === undefined ? listed : `${listed}. ${disabled}` };
}

async function checkRabbit(context: Context): Promise<Finding> {
  const { env, config } = context;
  const server = findRabbitmqServer(env.PATH);
  const data = join(dataDirOf(context), 'rabbitmq');
  const refusal = server === undefined ? undefined : await refusedData(data, server, env.PATH);
  if (refusal !== undefined) return { ok: config.amqpUrl !== undefined, warning: true, detail: refusal.message };
  if (server !== undefined) return { ok: true, detail: `a private node can be run from ${server}` };
  if (config.amqpUrl !== undefined) return { ok: true, detail: 'not installed, and not needed: AMQP_URL is set' };
  return {
    ok: false,
    detail: 'not installed, and AMQP_URL is not set; `up` tries Docker, then the installation of a package',
  };
}

async function checkPorts(context: Context): Promise<Finding> {
  const { config } = context;
  const running =
    (await brokerAddress(context)).from === 'the fleet that runs here' ||
    (await readProcesses(runDirOf(context))).some(({ role }) => role === 'api');
  if (running) return { ok: true, detail: 'in use by the fleet that runs here' };
  const { sandbox } = await context.fleet();
  const ofSandbox = sandbox === undefined ? {} : readSandboxSettings(sandbox, context.env).ports;
  const wanted = { PORT: config.port, ...ofSandbox };
  requireDistinctPorts(Object.entries(wanted));
  const problems: string[] = [];
  for (const [variable, port] of Object.entries(wanted)) {
    const problem = await portProblem(config.host, port);
    if (problem !== undefined) problems.push(`${variable}: ${problem}`);
  }
  const free = Object.values(wanted).join(', ');
  return problems.length === 0 ? { ok: true, detail: `${free} are free` } : { ok: false, detail: problems.join('; ') };
}

async function checkDisk(context: Context): Promise<Finding> {
  const { config } = context;
  let folder = dataDirOf(context);
  const problem = dataDirProblem(folder);
  if (problem !== undefined) return { ok: false, detail: `DATA_DIR ${config.dataDir} cannot be used: ${problem}` };
  while (!existsSync(folder)) folder = dirname(folder);
  const { bavail, bsize, blocks } = await statfs(folder);
  const free = bavail * bsize;
  const percent = Math.floor((bavail / Math.max(1, blocks)) * 100);
  const size = free < 1e9 ? `${Math.floor(free / 1e6)} MB` : `${(free / 1e9).toFixed(1)} GB`;
  const detail = `${size} (${percent} %) free for ${config.dataDir}`;
  return {
    ok: free >= MIN_FREE_DISK_BYTES,
    detail: free >= MIN_FREE_DISK_BYTES ? detail : `${detail}; at least 0.5 GB is needed`,
  };
}
