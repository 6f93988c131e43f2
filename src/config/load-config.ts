import { addressesOf } from '../broker/rabbitmq/connection/addresses.js';
import { FlotillaError } from '../errors.js';
import type { KafkaConnection } from '../kafka/client/connection.js';
import { isLoopback } from '../net/loopback.js';
import { environment, type Environment } from './schema.js';
import { isSecret, maskedUrl } from './secrets.js';

/** The validated configuration of the environment, in the units of the library: bytes, counts, milliseconds. */
export interface Config {
  /** One URL, or several separated by commas. Undefined: not configured. */
  amqpUrl: string | undefined;
  /** One URL, or several separated by commas. */
  managementUrl: string | undefined;
  /** How long a command waits for an unreachable broker, in milliseconds. */
  brokerWait: number;
  /** Whether messages carry their AMQP user, and whether workers verify it. */
  userId: 'off' | 'send' | 'verify';
  /** The AMQP users that may publish events of a source, by source. */
  amqpUsers: Readonly<Record<string, readonly string[]>>;
  /** Prefix of every name in the broker. */
  prefix: string;
  /** `{service}` is replaced by the name of the service. */
  databaseUrl: string;
  /** The directory of the stores, the private broker and the locks. */
  dataDir: string;
  /** The host on which the API and the sandbox listen. */
  host: string;
  /** The host of the health endpoints of workers and the keeper. */
  healthHost: string;
  port: number;
  /** The port of the health endpoints; 0 selects a free port. */
  healthPort: number;
  /** The commit of the release, for `flotilla_build_info`. */
  commit: string | undefined;
  /** The file whose default export is the fleet. Undefined: see `loadFleet`. */
  fleetFile: string | undefined;
  logLevel: 'error' | 'warn' | 'info' | 'debug';
  logFormat: 'json' | 'text';
  /** Undefined: all workers, except those of optional parts. */
  workers: readonly string[] | undefined;
  /** The optional parts of the fleet that run. */
  with: readonly string[];
  /** MQTT of the private broker. Undefined: no MQTT. */
  mqtt: { host: string; port: number; tls: { port: number; certificate: string; key: string } | undefined } | undefined;
  /** The bearer token of the API. */
  apiToken: string | undefined;
  /** The token of /metrics and of the details of /readyz. */
  metricsToken: string | undefined;
  /** Origins whose pages may call the API from a browser. */
  corsOrigins: readonly string[];
  /** Addresses or networks of trusted proxies in front of the API. */
  trustedProxies: readonly string[];
  /** Undefined: read from the file in the data directory, if it exists. */
  fleetKey: string | undefined;
  /** How workers treat messages without a valid signature, if the fleet has a key. */
  verifySignatures: 'require' | 'warn' | 'off';
  /** Whether system packages may be installed. */
  install: 'ask' | 'always' | 'never';
  /** Retention limits of the stream; `maxAge` in the notation of RabbitMQ, such as `7D`. */
  log: { maxAge: string; maxBytes: number };
  /** Maximum number of unrouted messages; beyond it, the oldest are dropped. */
  unroutedMax: number;
  /** `window`: maximum number of unconfirmed publishes. `maxLag`: number of unpublished events above which the API
   *  refuses writes and workers pause. */
  relay: { window: number; maxLag: number };
  /** In milliseconds. Undefined: the delays of each worker. */
  retryDelays: readonly number[] | undefined;
  /** In milliseconds. Undefined: the value of each worker. */
  breakerHalfOpenAfter: number | undefined;
  /** Undefined: the values of each saga. */
  sagas: { timeout: number | undefined; retryDelays: readonly number[] | undefined };
  /** How Kafka is reached; without brokers, the fleet exchanges nothing with it. */
  kafka: Pick<KafkaConnection, 'client' | 'tls' | 'sasl'> & { brokers: readonly string[] };
  /** How long a process may take to finish work in progress when it ends, in milliseconds. */
  drainTimeout: number;
  /** For tests only: the point at which the process ends. */
  failpoint: string | undefined;
}

/** Reads the configuration. Throws `config.invalid` with one line that names the variable and its valid values, without
 *  secrets. `terminal`: whether the log is shown in a terminal; the log format is then text by default, otherwise
 *  JSON. */
export function loadConfig(env: NodeJS.ProcessEnv, { terminal = false } = {}): Config {
  const values = parseEnvironment(env);
  return {
    amqpUrl: values.AMQP_URL,
    managementUrl: values.AMQP_MANAGEMENT_URL ?? (values.AMQP_URL && managementOf(values.AMQP_URL)),
    brokerWait: values.BROKER_WAIT,
    userId: values.AMQP_USER_ID,
    amqpUsers: values.AMQP_USERS,
    prefix: values.FLOTILLA_PREFIX,
    databaseUrl: values.DATABASE_URL ?? `sqlite:${values.DATA_DIR}/{service}.db`,
    dataDir: values.DATA_DIR,
    host: values.HOST,
    healthHost: values.HEALTH_HOST ?? values.HOST,
    port: values.PORT,
    healthPort: values.HEALTH_PORT,
    commit: values.FLOTILLA_COMMIT,
    fleetFile: values.FLOTILLA_FLEET,
    logLevel: values.LOG_LEVEL ?? 'info',
    logFormat: values.LOG_FORMAT ?? (terminal ? 'text' : 'json'),
    workers: values.WORKERS,
    with: values.WITH,
    mqtt: mqttIn(values),
    apiToken: values.API_TOKEN,
    metricsToken: values.METRICS_TOKEN ?? values.API_TOKEN,
    corsOrigins: values.CORS_ORIGINS,
    trustedProxies: values.TRUSTED_PROXIES,
    fleetKey: values.FLEET_KEY,
    verifySignatures: values.VERIFY_SIGNATURES,
    install: values.FLOTILLA_INSTALL,
    log: { maxAge: values.STREAM_MAX_AGE, maxBytes: values.STREAM_MAX_BYTES },
    unroutedMax: values.UNROUTED_MAX,
    relay: { window: values.RELAY_WINDOW, maxLag: values.RELAY_MAX_LAG },
    retryDelays: values.RETRY_DELAYS,
    breakerHalfOpenAfter: values.BREAKER_HALF_OPEN_AFTER,
    sagas: { timeout: values.SAGA_TIMEOUT, retryDelays: values.SAGA_RETRY_DELAYS },
    kafka: kafkaOf(values),
    drainTimeout: values.DRAIN_TIMEOUT,
    failpoint: values.FLOTILLA_FAILPOINT,
  };
}

function kafkaOf(values: Environment): Config['kafka'] {
  const { KAFKA_USERNAME: username, KAFKA_PASSWORD: password } = values;
  if (username !== undefined && password === undefined) {
    throw new FlotillaError('config.invalid', 'KAFKA_PASSWORD must be set where KAFKA_USERNAME is');
  }
  return {
    brokers: values.KAFKA_BROKERS,
    client: values.KAFKA_CLIENT,
    tls: values.KAFKA_TLS === 'on',
    ...(username !== undefined &&
      password !== undefined && { sasl: { mechanism: values.KAFKA_SASL, username, password } }),
  };
}

function mqttIn(values: Environment): Config['mqtt'] {
  const {
    MQTT_PORT: port,
    MQTT_HOST: host,
    MQTT_TLS_PORT: tlsPort,
    MQTT_TLS_CERT: certificate,
    MQTT_TLS_KEY: key,
  } = values;
  if (port === undefined) {
    if (tlsPort === undefined) return undefined;
    throw new FlotillaError('config.invalid', 'MQTT_TLS_PORT needs MQTT_PORT: the workers publish there to devices');
  }
  if (tlsPort === undefined) return { host, port, tls: undefined };
  if (certificate === undefined || key === undefined) {
    throw new FlotillaError('config.invalid', 'MQTT_TLS_PORT needs MQTT_TLS_CERT and MQTT_TLS_KEY');
  }
  return { host, port, tls: { port: tlsPort, certificate, key } };
}

/** Parses the variables and fills in their defaults. An empty value counts as unset, because Compose files pass unset
 *  variables as empty text. */
export function parseEnvironment(env: NodeJS.ProcessEnv): Environment {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ''));
  const result = environment.safeParse(given);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const variable = String(issue?.path[0] ?? 'The environment');
  throw new FlotillaError(
    'config.invalid',
    `${variable} ${issue?.message ?? 'is wrong'}${shown(variable, env[variable])}`,
  );
}

/** The URL of the store of one service, such as `data/orders.db` from `data/{service}.db`. */
export function databaseUrlFor(config: Pick<Config, 'databaseUrl'>, service: string): string {
  return config.databaseUrl.replaceAll('{service}', service);
}

/** The default URL of RabbitMQ's management API: the same hosts and users, port 15672. */
export function managementOf(amqpUrl: string): string {
  return [...new Set(addressesOf(amqpUrl).map(managementOfNode))].join(',');
}

function managementOfNode(amqpUrl: string): string {
  const { protocol, hostname, username, password } = new URL(amqpUrl);
  const user = username === '' ? 'guest:guest' : `${username}:${password}`;
  return `${protocol === 'amqps:' ? 'https' : 'http'}://${user}@${hostname}:${protocol === 'amqps:' ? 15671 : 15672}`;
}

/** The servers of the library: the host on which each listens, and the token that it requires. */
const servers = {
  api: { at: 'host', place: 'HOST', token: 'apiToken', variables: ['API_TOKEN'] },
  health: {
    at: 'healthHost',
    place: 'HEALTH_HOST or HOST',
    token: 'metricsToken',
    variables: ['METRICS_TOKEN', 'API_TOKEN'],
  },
} as const;

/** Throws `config.invalid` if one of these servers would be reachable from other machines without a token. */
export function requireTokens(config: Config, names: readonly (keyof typeof servers)[]): void {
  for (const name of names) {
    const { at, place, token, variables } = servers[name];
    requireToken(config[token], variables, { host: config[at], place });
  }
}

/** Throws `config.invalid` if a server would be reachable from other machines without a token. `variables`: the
 *  variables that set the token; `place`: the variable that sets the host. */
export function requireToken(
  token: string | undefined,
  variables: readonly string[],
  { host, place }: { host: string; place: string },
): void {
  if (isLoopback(host) || token !== undefined) return;
  throw new FlotillaError(
    'config.invalid',
    `${variables.join(' or ')} must be set, because ${place} (${host}) is reachable from other machines`,
  );
}

/** The invalid value for an error message; nothing if it may contain a secret. */
function shown(variable: string, value: string | undefined): string {
  if (value === undefined) return '';
  if (isSecret(variable) || maskedUrl(value) !== value || variable.endsWith('_URL'))
    return ' (what it is now is not shown)';
  return `, not ${JSON.stringify(value.slice(0, 80))}`;
}
