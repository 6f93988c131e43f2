import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { FlotillaError, messageOf } from '../../errors.js';

const execute = promisify(execFile);
const IMAGE = 'rabbitmq:4.2-management';
/** Long enough to pull the image. */
const RUN_TIMEOUT_MS = 10 * 60_000;
const QUERY_TIMEOUT_MS = 10_000;

/** Whether a Docker engine responds. */
export async function hasDocker(env: NodeJS.ProcessEnv): Promise<boolean> {
  try {
    await execute('docker', ['info', '--format', '{{.ServerVersion}}'], { env, timeout: QUERY_TIMEOUT_MS });
    return true;
  } catch {
    return false;
  }
}

export interface DockerBroker {
  amqpUrl: string;
  managementUrl: string;
  stop(): Promise<void>;
  kill(): Promise<void>;
}

/** Runs RabbitMQ in a container that belongs to this data directory, on free loopback ports chosen by Docker; a running
 *  container is kept. Its messages are in a volume. Resolves when the container is running, which is before RabbitMQ
 *  responds. Throws `broker.unreachable`. */
export async function startDockerBroker(dataDir: string, env: NodeJS.ProcessEnv): Promise<DockerBroker> {
  const name = containerOf(dataDir);
  const docker = async (...args: string[]) =>
    (await execute('docker', args, { env, timeout: RUN_TIMEOUT_MS })).stdout.trim();
  try {
    const existing = await docker('ps', '--all', '--quiet', '--filter', `name=^${name}$`);
    if (existing === '') {
      const ports = ['--publish', '127.0.0.1::5672', '--publish', '127.0.0.1::15672'];
      const storage = ['--hostname', name, '--volume', `${name}:/var/lib/rabbitmq`];
      await docker('run', '--detach', '--name', name, ...ports, ...storage, IMAGE);
    } else {
      await docker('start', name);
    }
    const portOf = async (port: number) => (await docker('port', name, `${port}/tcp`)).split('\n')[0]?.split(':').pop();
    return {
      amqpUrl: `amqp://guest:guest@127.0.0.1:${await portOf(5672)}`,
      managementUrl: `http://guest:guest@127.0.0.1:${await portOf(15672)}`,
      stop: async () => void (await docker('stop', name)),
      kill: async () => void (await docker('kill', name)),
    };
  } catch (error) {
    throw new FlotillaError('broker.unreachable', `Docker could not run ${IMAGE}: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

/** Removes the container of this data directory and its messages, if they exist. Does nothing without Docker. */
export async function removeDockerBroker(dataDir: string, env: NodeJS.ProcessEnv): Promise<void> {
  const name = containerOf(dataDir);
  for (const args of [
    ['rm', '--force', name],
    ['volume', 'rm', '--force', name],
  ]) {
    await execute('docker', args, { env, timeout: QUERY_TIMEOUT_MS }).catch(() => undefined);
  }
}

function containerOf(dataDir: string): string {
  return `flotilla-${createHash('sha256').update(resolve(dataDir)).digest('hex').slice(0, 12)}`;
}
