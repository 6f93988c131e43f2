import type { BenchContext } from './bench.js';

/** The environment of a process of the fleet: the broker, prefix and folder of this run, and a free port. */
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
