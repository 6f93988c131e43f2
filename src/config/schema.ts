import { z } from 'zod';
import { addressesOf, vhostOf } from '../broker/rabbitmq/connection/addresses.js';
import {
  duration,
  durations,
  list,
  matching,
  networks,
  number,
  oneOf,
  origins,
  port,
  urls,
  usersBySource,
} from './values.js';

/** Sagas wait in the store, not on a timer of the process, so a year is possible. */
const LONGEST_SAGA_WAIT_MS = 365 * 86_400_000;

/** Every environment variable that Flotilla itself reads; the API, workers and the sandbox declare settings of their
 *  own. docs/reference/configuration.md is generated from the descriptions. */
export const environment = z.object({
  AMQP_URL: urls('amqp', 'amqps')
    .refine(hasOneVhost, 'must name the same virtual host in every URL')
    .optional()
    .describe(
      'URL of the broker, or of several nodes of one cluster with commas between them. If unset, `up` runs a private broker and other commands use the broker of the `up` that runs in this folder.',
    ),
  AMQP_MANAGEMENT_URL: urls('http', 'https')
    .optional()
    .describe('URL of the RabbitMQ management API, or several. If unset, derived from AMQP_URL.'),
  AMQP_USER_ID: oneOf(['off', 'send', 'verify'])
    .default('off')
    .describe(
      '`send`: every message carries the AMQP user that publishes it. `verify`: workers also refuse messages of a user that may not publish for the source.',
    ),
  AMQP_USERS: usersBySource()
    .prefault('')
    .describe(
      'Users that may publish events of a source, in place of those that `flotilla topology permissions` prints.',
    ),
  BROKER_WAIT: duration()
    .prefault('0s')
    .describe('How long a command waits for an unreachable broker before it fails. Services wait without a limit.'),
  FLOTILLA_PREFIX: matching(/^[a-z0-9][a-z0-9._-]{0,63}$/, 'lower-case letters, digits, dots and dashes, 64 at most')
    .default('')
    .describe('Prefix of every name in the broker. Fleets with different prefixes can share a broker.'),
  DATABASE_URL: matching(
    /^(sqlite:|postgres(ql)?:\/\/).*\{service\}|^postgres(ql)?:\/\//,
    'sqlite:<path with {service}> or postgres://…',
  )
    .optional()
    .describe(
      'URL of the stores; `{service}` stands for the name of the service. If unset, `sqlite:` files in DATA_DIR.',
    ),
  DATA_DIR: matching(/./, 'a directory')
    .default('data')
    .describe('Folder of the stores and of the private broker, relative to the folder of the fleet.'),
  HOST: host()
    .default('127.0.0.1')
    .describe('Address on which the API and the sandbox listen. An address other than loopback requires their tokens.'),
  HEALTH_HOST: host()
    .optional()
    .describe(
      'Address on which /livez, /readyz and /metrics of workers and the keeper listen. If unset, HOST. An address other than loopback requires a token.',
    ),
  PORT: port().default(3000).describe('Port of the API.'),
  HEALTH_PORT: port()
    .default(0)
    .describe('Port of /livez, /readyz and /metrics of workers and the keeper; 0 is any free port.'),
  FLOTILLA_FLEET: matching(/./, 'a file')
    .optional()
    .describe('File whose default export is the fleet, in place of config/fleet. The option `--fleet` sets it.'),
  FLOTILLA_COMMIT: matching(/^[0-9A-Za-z._-]{1,64}$/, 'a commit id')
    .optional()
    .describe('Commit of this release, shown by the metric `flotilla_build_info`.'),
  LOG_LEVEL: oneOf(['error', 'warn', 'info', 'debug'])
    .optional()
    .describe('Lowest level of the log entries that are written. If unset, `info`.'),
  LOG_FORMAT: oneOf(['json', 'text'])
    .optional()
    .describe('Format of the log. If unset, `text` on a terminal and `json` otherwise.'),
  WORKERS: list()
    .refine((names) => names.length > 0, 'must be names with commas between them')
    .optional()
    .describe(
      'Names of the enabled workers, with commas between them. If unset, all workers except those of optional parts.',
    ),
  WITH: list()
    .prefault('')
    .describe(
      'Optional parts of the fleet that run, with commas between them; `flotilla up --with` sets it. If unset, other commands use the parts of the `up` that runs in this folder.',
    ),
  MQTT_PORT: port()
    .optional()
    .describe('Port of MQTT on the private broker of `up`, for devices. If unset, there is no MQTT.'),
  MQTT_HOST: matching(/^[0-9A-Fa-f.:]{2,45}$/, 'an IP address')
    .default('127.0.0.1')
    .describe('Address on which MQTT listens.'),
  MQTT_TLS_PORT: port().optional().describe('Port of MQTT with TLS, in addition to MQTT_PORT.'),
  MQTT_TLS_CERT: path().optional().describe('File of the certificate chain for MQTT_TLS_PORT, PEM, an absolute path.'),
  MQTT_TLS_KEY: path().optional().describe('File of the private key for MQTT_TLS_PORT, PEM, an absolute path.'),
  API_TOKEN: token().optional().describe('Bearer token of the API.'),
  METRICS_TOKEN: token()
    .optional()
    .describe('Token of /metrics and of the details of /readyz; it gives access to nothing else. If unset, API_TOKEN.'),
  CORS_ORIGINS: origins().prefault('').describe('Origins whose pages may call the API from a browser.'),
  TRUSTED_PROXIES: networks()
    .prefault('')
    .describe('Addresses or networks of proxies in front of the API whose X-Forwarded-Proto is trusted.'),
  FLEET_KEY: matching(/^\S{32,4096}$/, 'secrets of at least 32 characters with commas between them')
    .optional()
    .describe(
      'Secrets with which the processes of the fleet sign messages, the current one first. If unset, the file that `up` creates in DATA_DIR.',
    ),
  VERIFY_SIGNATURES: oneOf(['require', 'warn', 'off'])
    .default('require')
    .describe(
      '`require`: messages without a valid signature are dead-lettered. `warn`: they are handled and counted. `off`: signatures are not verified. Applies where the fleet has a key.',
    ),
  FLOTILLA_INSTALL: oneOf(['ask', 'always', 'never'])
    .default('ask')
    .describe('Whether missing system packages, such as RabbitMQ, are installed.'),
  STREAM_MAX_AGE: matching(
    /^[1-9]\d{0,4}[YMDhms]$/,
    "a number from 1 to 99999 and one of Y, M, D, h, m, s, such as '7D'",
  )
    .default('7D')
    .describe('Age at which entries of the stream `events.log` are removed.'),
  STREAM_MAX_BYTES: number({ min: 1_000_000 })
    .default(10_000_000_000)
    .describe('Size at which the oldest entries of the stream `events.log` are removed.'),
  UNROUTED_MAX: number({ min: 1 })
    .default(10_000)
    .describe('Maximum number of unrouted messages; the oldest are dropped beyond it.'),
  RELAY_WINDOW: number({ min: 1, max: 100_000 })
    .default(1000)
    .describe('Maximum number of publishes that wait for their confirm.'),
  RELAY_MAX_LAG: number({ min: 1 })
    .default(100_000)
    .describe('Number of stored, unpublished events at which the API refuses writes and workers pause.'),
  RETRY_DELAYS: durations()
    .optional()
    .describe('Retry delays of every worker, in place of those that the workers declare.'),
  BREAKER_HALF_OPEN_AFTER: duration()
    .optional()
    .describe('How long the circuit breaker of every worker stays open, in place of what the workers declare.'),
  SAGA_TIMEOUT: duration({ min: 1, max: LONGEST_SAGA_WAIT_MS })
    .optional()
    .describe('Timeout of every step of every saga, in place of what the steps declare.'),
  SAGA_RETRY_DELAYS: durations({ min: 0, max: LONGEST_SAGA_WAIT_MS })
    .optional()
    .describe('Retry delays of every step of every saga, in place of those that the steps declare.'),
  KAFKA_BROKERS: list()
    .refine(
      (all) => all.every((broker) => /^[A-Za-z0-9._-]{1,253}:\d{1,5}$|^\[[0-9a-fA-F:]+\]:\d{1,5}$/.test(broker)),
      'must be `host:port` with commas between them',
    )
    .prefault('')
    .describe('Brokers of a Kafka cluster. If unset, the fleet exchanges nothing with Kafka.'),
  KAFKA_CLIENT: oneOf(['kafkajs', 'confluent'])
    .default('kafkajs')
    .describe('Client library: the package kafkajs, or @confluentinc/kafka-javascript.'),
  KAFKA_TLS: oneOf(['off', 'on']).default('off').describe('Whether connections to Kafka are encrypted.'),
  KAFKA_SASL: oneOf(['plain', 'scram-sha-256', 'scram-sha-512'])
    .default('scram-sha-512')
    .describe('How KAFKA_USERNAME authenticates.'),
  KAFKA_USERNAME: matching(/./, 'a name').optional().describe('User of Kafka. If unset, no authentication.'),
  KAFKA_PASSWORD: matching(/./, 'a password').optional().describe('Password of KAFKA_USERNAME.'),
  DRAIN_TIMEOUT: duration()
    .prefault('20s')
    .describe('How long a stopping process may take to finish its work in progress.'),
  FLOTILLA_FAILPOINT: matching(/^[a-z_]+\.[a-z_]+(:\d{1,9})?$/, 'the name of a failpoint, such as store.committed:3')
    .optional()
    .describe('For tests only: `name:n` ends the process when it passes that failpoint for the n-th time.'),
});

function host() {
  return matching(/^[A-Za-z0-9.:_-]{1,253}$/, 'an address or a host name');
}

function path() {
  return matching(/^\/\S{1,1000}$/, 'an absolute path without blanks');
}

function token() {
  return matching(/^\S{16,}$/, 'at least 16 characters without blanks');
}

function hasOneVhost(urls: string): boolean {
  return new Set(addressesOf(urls).map(vhostOf)).size === 1;
}

export type Environment = z.output<typeof environment>;
export type Variable = keyof Environment;

/** Variables whose whole value is a secret. */
export const secretVariables: ReadonlySet<string> = new Set<Variable>([
  'API_TOKEN',
  'METRICS_TOKEN',
  'FLEET_KEY',
  'KAFKA_PASSWORD',
]);
