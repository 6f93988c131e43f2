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

/** Sagas wait in the store, where a year is no problem. */
const LONGEST_SAGA_WAIT_MS = 365 * 86_400_000;

/** Every environment variable that Flotilla itself reads; the API and workers have settings of their own besides. */
export const environment = z.object({
  /** The broker: the URL of a node, or of several nodes of one cluster. Unset, `up` runs a private one, and the other
   *  commands use that of the `up` that runs here. */
  AMQP_URL: urls('amqp', 'amqps').refine(hasOneVhost, 'must name the same virtual host in every URL').optional(),
  /** RabbitMQ's management API, on one node or several; derived from AMQP_URL if unset. */
  AMQP_MANAGEMENT_URL: urls('http', 'https').optional(),
  /** Whether each message carries the AMQP user that publishes it, and whether workers refuse those that do not come from a
   *  user of their source. */
  AMQP_USER_ID: oneOf(['off', 'send', 'verify']).default('off'),
  /** Users that may publish events of a source, where they are not those of `flotilla topology permissions`. */
  AMQP_USERS: usersBySource().prefault(''),
  /** How long a command waits for a broker that cannot be reached yet, before it fails; processes wait in any case. */
  BROKER_WAIT: duration().prefault('0s'),
  /** Put before every name in the broker, so that fleets can share one. */
  FLOTILLA_PREFIX: matching(
    /^[a-z0-9][a-z0-9._-]{0,63}$/,
    'lower-case letters, digits, dots and dashes, 64 at most',
  ).default(''),
  /** One store for each service, where `{service}` stands. */
  DATABASE_URL: matching(
    /^(sqlite:|postgres(ql)?:\/\/).*\{service\}|^postgres(ql)?:\/\//,
    'sqlite:<path with {service}> or postgres://…',
  ).optional(),
  DATA_DIR: matching(/./, 'a directory').default('data'),
  /** Where the API and the sandbox of the fleet listen. Beyond loopback, their tokens are required. */
  HOST: host().default('127.0.0.1'),
  /** Where /livez, /readyz and /metrics of workers and the keeper listen; HOST if unset. Beyond loopback, a token is
   *  required. */
  HEALTH_HOST: host().optional(),
  PORT: port().default(3000),
  /** /livez, /readyz and /metrics of workers and the keeper; 0 is any free port. */
  HEALTH_PORT: port().default(0),
  /** The file whose default export is the fleet, in place of config/fleet; `--fleet` sets it. */
  FLOTILLA_FLEET: matching(/./, 'a file').optional(),
  /** The commit that this release was built from, for `flotilla_build_info`. */
  FLOTILLA_COMMIT: matching(/^[0-9A-Za-z._-]{1,64}$/, 'a commit id').optional(),
  LOG_LEVEL: oneOf(['error', 'warn', 'info', 'debug']).optional(),
  LOG_FORMAT: oneOf(['json', 'text']).optional(),
  /** The workers that are enabled; all of them if unset. */
  WORKERS: list()
    .refine((names) => names.length > 0, 'must be names with commas between them')
    .optional(),
  /** The bearer token of the API. */
  API_TOKEN: token().optional(),
  /** The token of /metrics and of the details of /readyz; API_TOKEN if unset. It gives access to nothing else. */
  METRICS_TOKEN: token().optional(),
  /** Origins whose pages may use the API from a browser. */
  CORS_ORIGINS: origins().prefault(''),
  /** Addresses or networks of proxies in front of the API whose X-Forwarded-Proto is believed. */
  TRUSTED_PROXIES: networks().prefault(''),
  /** The secrets by which the processes of the fleet sign messages, the current one first; see `parseFleetKeys`. Unset, the
   *  file that `up` has created in DATA_DIR. */
  FLEET_KEY: matching(/^\S{32,4096}$/, 'secrets of at least 32 characters with commas between them').optional(),
  /** What becomes of messages without a valid signature, where the fleet has a key. */
  VERIFY_SIGNATURES: oneOf(['require', 'warn', 'off']).default('require'),
  /** Whether packages of the system may be installed. */
  FLOTILLA_INSTALL: oneOf(['ask', 'always', 'never']).default('ask'),
  STREAM_MAX_AGE: matching(
    /^[1-9]\d{0,4}[YMDhms]$/,
    "a number from 1 to 99999 and one of Y, M, D, h, m, s, such as '7D'",
  ).default('7D'),
  STREAM_MAX_BYTES: number({ min: 1_000_000 }).default(10_000_000_000),
  UNROUTED_MAX: number({ min: 1 }).default(10_000),
  /** Publishes that wait for their confirm at once. */
  RELAY_WINDOW: number({ min: 1, max: 100_000 }).default(1000),
  /** Stored events that wait to be published, above which the API takes no more and workers pause. */
  RELAY_MAX_LAG: number({ min: 1 }).default(100_000),
  /** In place of every worker's own delays. */
  RETRY_DELAYS: durations().optional(),
  /** In place of every worker's own. */
  BREAKER_HALF_OPEN_AFTER: duration().optional(),
  /** In place of every step's own, of every saga. */
  SAGA_TIMEOUT: duration({ min: 1, max: LONGEST_SAGA_WAIT_MS }).optional(),
  /** In place of every step's own, of every saga. */
  SAGA_RETRY_DELAYS: durations({ min: 0, max: LONGEST_SAGA_WAIT_MS }).optional(),
  /** How long a process that is told to end may take to finish what it has begun. */
  DRAIN_TIMEOUT: duration().prefault('20s'),
  /** Tests only: `name:n` ends the process where it passes that point for the n-th time. */
  FLOTILLA_FAILPOINT: matching(
    /^[a-z_]+\.[a-z_]+(:\d{1,9})?$/,
    'the name of a failpoint, such as store.committed:3',
  ).optional(),
});

function host() {
  return matching(/^[A-Za-z0-9.:_-]{1,253}$/, 'an address or a host name');
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
export const secretVariables: ReadonlySet<string> = new Set<Variable>(['API_TOKEN', 'METRICS_TOKEN', 'FLEET_KEY']);
