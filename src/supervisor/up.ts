import { resolve } from 'node:path';
import { aborted } from '../concurrency/aborted.js';
import { sleep } from '../concurrency/sleep.js';
import { FlotillaError, messageOf } from '../errors.js';
import type { Logger } from '../telemetry/logger.js';
import { SupervisedProcess } from './child-process.js';
import { chooseBroker, type ChosenBroker } from './broker/choose-broker.js';
import { lockData } from './data-directory/data-lock.js';
import { readFleetState, removeFleetState, writeFleetState } from './fleet-state.js';
import { endLeftovers } from './leftovers.js';
import { planProcesses, STAGES } from './plan.js';
import { requireDistinctPorts, requireFreePort } from './ports.js';
import { startOf } from './process-identity.js';
import { smallProcesses } from './small-processes.js';
import type { MqttOptions } from './broker/rabbitmq-node/layout.js';
import { prepareRefill, refillIfPending, type BrokerRecovery } from './broker/set-broker-aside.js';
import { SerialQueue } from '../concurrency/serial-queue.js';

export interface UpOptions {
  cwd: string;
  dataDir: string;
  /** The enabled workers. */
  workers: readonly string[];
  /** The optional parts that run. */
  parts: readonly string[];
  hasApi: boolean;
  hasSandbox: boolean;
  hasKafka?: boolean;
  /** The number of processes of each worker. */
  scale: Readonly<Record<string, number>>;
  /** The number of processes that share all workers. Undefined: each worker has its own. */
  processes?: number | undefined;
  host: string;
  /** The ports on which the processes listen, by variable. */
  ports: Readonly<Record<string, number>>;
  amqp: { amqpUrl: string; managementUrl: string } | undefined;
  /** MQTT of a private broker. */
  mqtt: MqttOptions | undefined;
  /** In milliseconds. */
  drainTimeout: number;
  env: NodeJS.ProcessEnv;
  /** The program of the command line, forked for each process. */
  program: string;
  /** Installs RabbitMQ, or prints instructions. */
  installer: string;
  logger: Logger;
  /** Called when every process is ready. */
  onReady: (fleet: RunningFleet) => void;
  say: (line: string) => void;
  signal: AbortSignal;
  forced: AbortSignal;
  /** For data that another version of RabbitMQ wrote. */
  recovery: BrokerRecovery;
}

/** A fleet whose processes are ready. */
export interface RunningFleet {
  /** Absolute path. */
  dataDir: string;
  /** The URLs of API and sandbox. */
  urls: { api?: string; sandbox?: string };
  managementUrl: string;
  broker: ChosenBroker['kind'];
  workers: readonly string[];
  scale: Readonly<Record<string, number>>;
}

/** Additional time after the drain before a process is killed, because it must also close its resources. */
const CLOSE_TIMEOUT_MS = 5000;
const REMINDER_INTERVAL_MS = 15_000;

/** Runs a whole fleet on this machine: broker, sandbox, keeper, workers, API. Restarts processes that end unexpectedly.
 *  Resolves when `signal` has aborted and everything has ended cleanly. Throws `fleet.running` if another supervisor is
 *  running in this data directory, `config.invalid` if a port is taken or a process cannot start with its
 *  configuration. */
export async function up(options: UpOptions): Promise<void> {
  const dataDir = resolve(options.cwd, options.dataDir);
  const lock = lockData(dataDir, 'supervisor', 'exclusive');
  if (lock === undefined) {
    const other = (await readFleetState(dataDir))?.pid;
    const who = other === undefined ? '' : ` (process ${other})`;
    throw new FlotillaError('fleet.running', `${dataDir}${who}; set DATA_DIR for a second`);
  }
  try {
    const plan = planProcesses(options);
    const left = await endLeftovers(await readFleetState(dataDir), options.drainTimeout);
    if (left.length > 0) options.say(`Stopped processes of an earlier run: ${left.join(', ')}`);
    await requirePorts(options);
    await prepareRefill(dataDir, options.recovery, options.say);
    const broker = await chooseBroker({ ...options, given: options.amqp, dataDir });
    try {
      await refillIfPending(dataDir, options.recovery, broker);
      await runFleet(options, dataDir, broker, plan);
    } finally {
      await (options.forced.aborted ? broker.kill() : broker.stop());
    }
    await removeFleetState(dataDir);
  } finally {
    lock.release();
  }
  options.say('The fleet has stopped.');
}

async function requirePorts({ host, ports }: UpOptions): Promise<void> {
  const wanted = Object.entries(ports);
  requireDistinctPorts(wanted);
  for (const [variable, port] of wanted) await requireFreePort(variable, host, port);
}

async function runFleet(
  options: UpOptions,
  dataDir: string,
  broker: ChosenBroker,
  plan: ReturnType<typeof planProcesses>,
): Promise<void> {
  const { logger, signal, say } = options;
  const fatal = new AbortController();
  const env: NodeJS.ProcessEnv = {
    LOG_LEVEL: 'warn',
    ...smallProcesses(options.env),
    AMQP_URL: broker.amqpUrl,
    AMQP_MANAGEMENT_URL: broker.managementUrl,
    HEALTH_PORT: '0',
    ...(broker.mqttUrl !== undefined && { MQTT_URL: broker.mqttUrl }),
  };
  const record = stateWriter(dataDir, broker, options, () => processes.map(({ process }) => process));
  const processes = plan.map(({ stage, name, args }) => ({
    stage,
    process: new SupervisedProcess(
      { name, program: options.program, args, env },
      { logger, onChange: () => record.write(), onFatal: (error) => fatal.abort(error) },
    ),
  }));
  say(`Starting ${processes.length} processes …`);
  for (const { process } of processes) process.start();
  const ending = AbortSignal.any([signal, fatal.signal]);
  if (await allReady(processes, ending, say)) {
    await record.settled();
    const urlOf = (name: string) => processes.find(({ process }) => process.name === name)?.process.state?.url;
    options.onReady(runningFleet(options, dataDir, broker, { api: urlOf('api'), sandbox: urlOf('sandbox') }));
  }
  await aborted(ending);
  say('Stopping: waiting for messages in progress; press Ctrl-C again to stop at once …');
  for (const stage of STAGES) {
    const limit = options.drainTimeout + CLOSE_TIMEOUT_MS;
    const members = processes.filter((member) => member.stage === stage);
    await Promise.all(members.map(({ process }) => process.stop(limit, options.forced)));
  }
  await record.settled();
  if (fatal.signal.aborted) throw fatal.signal.reason;
}

function runningFleet(
  { workers, scale }: UpOptions,
  dataDir: string,
  { managementUrl, kind: broker }: ChosenBroker,
  { api, sandbox }: { api: string | undefined; sandbox: string | undefined },
): RunningFleet {
  const urls = { ...(api !== undefined && { api }), ...(sandbox !== undefined && { sandbox }) };
  return { dataDir, urls, managementUrl, broker, workers, scale };
}

/** Returns true when every process is ready, false if `ending` aborts before. */
async function allReady(
  processes: readonly { process: SupervisedProcess }[],
  ending: AbortSignal,
  say: (line: string) => void,
): Promise<boolean> {
  let remindAt = performance.now() + REMINDER_INTERVAL_MS;
  while (!ending.aborted) {
    const waiting = processes.filter(({ process }) => !process.ready);
    if (waiting.length === 0) return true;
    if (performance.now() >= remindAt) {
      say(`Waiting for ${waiting.map(({ process }) => process.name).join(', ')} …`);
      remindAt = performance.now() + REMINDER_INTERVAL_MS;
    }
    await sleep(50, ending);
  }
  return false;
}

/** Records the running processes: one write at a time, and the latest state at the end. */
function stateWriter(
  dataDir: string,
  broker: ChosenBroker,
  { logger, parts }: Pick<UpOptions, 'logger' | 'parts'>,
  processes: () => readonly SupervisedProcess[],
) {
  const writes = new SerialQueue();
  let waiting = false;
  const write = async () => {
    waiting = false;
    await writeFleetState(dataDir, {
      pid: process.pid,
      startedAt: (await startOf(process.pid)) ?? '',
      amqpUrl: broker.amqpUrl,
      managementUrl: broker.managementUrl,
      parts: [...parts],
      processes: processes().flatMap(({ state }) => (state === undefined ? [] : [state])),
    });
  };
  return {
    write: () => {
      if (waiting) return;
      waiting = true;
      void writes.run(write).catch((error: unknown) => {
        logger.warn('the list of running processes could not be saved', { error: messageOf(error) });
      });
    },
    settled: () => writes.settled(),
  };
}
