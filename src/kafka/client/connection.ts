import type { Logger } from '../../telemetry/logger.js';

/** How a Kafka cluster is reached. */
export interface KafkaConnection {
  /** `host:port` of some brokers of the cluster. */
  brokers: readonly string[];
  /** The client library: one of the optional peer dependencies. @default 'kafkajs' */
  client?: 'kafkajs' | 'confluent' | undefined;
  /** Whether connections are encrypted. @default false */
  tls?: boolean | undefined;
  /** Credentials for SASL; none: no authentication. */
  sasl?: { mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512'; username: string; password: string } | undefined;
  /** Names this program in the log of the broker. @default 'flotilla' */
  clientId?: string | undefined;
  /** Receives what the client library reports, at the level `debug`. */
  logger?: Logger | undefined;
}
