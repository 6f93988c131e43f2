import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { failureOfAll, isPermanentFailure } from '../../broker/rabbitmq/connection/connect-failure.js';
import { probeBroker } from '../../broker/rabbitmq/connection/probe.js';
import { FlotillaError } from '../../errors.js';
import type { Logger } from '../../telemetry/logger.js';
import { hasDocker, startDockerBroker } from './docker-broker.js';
import { restartBrokerOnExit } from './restart-broker.js';
import { adoptRabbitNode, findRabbitmqServer, startRabbitNode } from './rabbitmq-node.js';
import type { MqttOptions } from './rabbitmq-node/layout.js';
import { startOrSetAside, type BrokerRecovery } from './set-broker-aside.js';
import { timed } from '../timed.js';

/** The broker of a fleet on this machine. */
export interface ChosenBroker {
  readonly amqpUrl: string;
  readonly managementUrl: string;
  /** Undefined without MQTT, or if it is not known. */
  readonly mqttUrl?: string | undefined;
  /** Where the broker comes from, for display. */
  readonly kind: 'AMQP_URL' | 'private node' | 'Docker';
  /** Stops it cleanly, if it belongs to this fleet. */
  stop(): Promise<void>;
  /** Kills it immediately, if it belongs to this fleet. */
  kill(): Promise<void>;
}

export interface BrokerOptions {
  /** The configured broker, if any. */
  given: { amqpUrl: string; managementUrl: string } | undefined;
  dataDir: string;
  /** MQTT of a private node. */
  mqtt?: MqttOptions | undefined;
  env: NodeJS.ProcessEnv;
  /** The script that installs RabbitMQ; it asks for permission, or prints instructions. */
  installer: string;
  logger: Logger;
  say: (line: string) => void;
  signal: AbortSignal;
  /** For data that another version of RabbitMQ wrote. */
  recovery: BrokerRecovery;
}

const AMQP_PORT = 5672;
const MANAGEMENT_PORT = 15_672;

/** Chooses, in this order: the configured broker; a private node, started from an installed RabbitMQ or left running by
 *  a killed supervisor; Docker; a private node of a RabbitMQ that is installed now. Throws `broker.unreachable`; for
 *  the configured broker, with the cause why it cannot be connected to, if waiting does not help. */
export async function chooseBroker(options: BrokerOptions): Promise<ChosenBroker> {
  if (options.given) {
    if (options.mqtt !== undefined) options.say('MQTT_PORT is for a private broker only; AMQP_URL names another one.');
    return givenBroker(options.given, options.say);
  }
  if (isInstalled(options)) return privateNode(options);
  if (options.mqtt === undefined && (await hasDocker(options.env))) {
    const why = 'no RabbitMQ is installed, but Docker runs';
    const broker = await timed(options.say, 'Starting RabbitMQ in Docker', why, () =>
      startDockerBroker(options.dataDir, options.env),
    );
    return { ...broker, kind: 'Docker' };
  }
  await install(options);
  return privateNode(options);
}

/** The processes wait for an unreachable broker. */
async function givenBroker(given: { amqpUrl: string; managementUrl: string }, say: BrokerOptions['say']) {
  const { nodes, failures } = await probeBroker(given.amqpUrl);
  if (failures.length === nodes) {
    const failure = failureOfAll(failures);
    const error = new FlotillaError(failure.code, failure.detail);
    if (isPermanentFailure(failure)) throw error;
    say(`${error.message}. The processes wait for it.`);
  }
  const nothing = () => Promise.resolve();
  return { ...given, kind: 'AMQP_URL', stop: nothing, kill: nothing } as const;
}

function isInstalled({ env }: BrokerOptions): boolean {
  return findRabbitmqServer(env.PATH) !== undefined;
}

async function privateNode({
  dataDir,
  mqtt,
  env,
  logger,
  say,
  signal,
  recovery,
}: BrokerOptions): Promise<ChosenBroker> {
  const directory = join(dataDir, 'rabbitmq');
  const node =
    (await adoptRabbitNode(directory, { logger, mqtt })) ??
    (await startOrSetAside(dataDir, recovery, say, () =>
      timed(say, 'Starting RabbitMQ', 'AMQP_URL is not set, so the fleet has a node of its own', () =>
        startRabbitNode({
          dataDir: directory,
          amqpPort: AMQP_PORT,
          managementPort: MANAGEMENT_PORT,
          mqtt,
          ...(env.PATH !== undefined && { searchPath: env.PATH }),
          logger,
          signal,
        }),
      ),
    ));
  const watch = restartBrokerOnExit(node, logger);
  const { amqpUrl, managementUrl, mqttUrl } = node;
  return {
    amqpUrl,
    managementUrl,
    mqttUrl,
    kind: 'private node',
    stop: async () => {
      await watch.end();
      await node.stop();
    },
    kill: async () => {
      await watch.end();
      await node.kill();
    },
  };
}

async function install({ installer, env, dataDir }: BrokerOptions): Promise<void> {
  const child = spawn(process.execPath, [installer], { env, stdio: 'inherit' });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', resolve);
  });
  if (code !== 0) throw new FlotillaError('broker.unreachable', `there is no RabbitMQ for ${dataDir}; see above`);
}
