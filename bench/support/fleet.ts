import type { BenchContext } from './bench.js';

/** What a process of the fleet is told by its environment: this run's broker, names and folder, and any free port. */
export function fleetEnvironment({ amqpUrl, managementUrl, folder, prefix }: BenchContext): NodeJS.ProcessEnv {
  return {
    AMQP_URL: amqpUrl,
    AMQP_MANAGEMENT_URL: managementUrl,
    FLOTILLA_PREFIX: prefix,
    DATA_DIR: folder,
    PORT: '0',
    SANDBOX_PORT: '0',
    SANDBOX_SMTP_PORT: '0',
    STREAM_MAX_BYTES: '100000000',
  };
}
