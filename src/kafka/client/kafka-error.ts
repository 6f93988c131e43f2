import { FlotillaError, messageOf, type ErrorCode } from '../../errors.js';

/** The error types of the Kafka protocol that need another reaction than to try again. */
const CODES: Readonly<Record<string, ErrorCode>> = {
  INVALID_PRODUCER_EPOCH: 'kafka.fenced',
  PRODUCER_FENCED: 'kafka.fenced',
  INVALID_TXN_STATE: 'kafka.fenced',
  UNKNOWN_TOPIC_OR_PARTITION: 'kafka.topic_missing',
  MESSAGE_TOO_LARGE: 'kafka.record_too_large',
  RECORD_LIST_TOO_LARGE: 'kafka.record_too_large',
  TOPIC_AUTHORIZATION_FAILED: 'kafka.denied',
  GROUP_AUTHORIZATION_FAILED: 'kafka.denied',
  CLUSTER_AUTHORIZATION_FAILED: 'kafka.denied',
  TRANSACTIONAL_ID_AUTHORIZATION_FAILED: 'kafka.denied',
  SASL_AUTHENTICATION_FAILED: 'kafka.denied',
  // the names of librdkafka
  _FENCED: 'kafka.fenced',
  UNKNOWN_TOPIC_OR_PART: 'kafka.topic_missing',
  _UNKNOWN_TOPIC: 'kafka.topic_missing',
  _UNKNOWN_PARTITION: 'kafka.topic_missing',
  MSG_SIZE_TOO_LARGE: 'kafka.record_too_large',
  _AUTHENTICATION: 'kafka.denied',
};

/** Those of librdkafka by number, for errors without a type. Those below 0 are its own.
 *  Source: https://docs.confluent.io/platform/current/clients/librdkafka/html/rdkafka_8h.html */
const NUMBERS: Readonly<Record<number, ErrorCode>> = {
  [-144]: 'kafka.fenced',
  47: 'kafka.fenced',
  48: 'kafka.fenced',
  90: 'kafka.fenced',
  [-190]: 'kafka.topic_missing',
  [-188]: 'kafka.topic_missing',
  3: 'kafka.topic_missing',
  10: 'kafka.record_too_large',
  18: 'kafka.record_too_large',
  [-169]: 'kafka.denied',
  29: 'kafka.denied',
  30: 'kafka.denied',
  31: 'kafka.denied',
  53: 'kafka.denied',
  58: 'kafka.denied',
};

/** Converts an error of a client library. Errors of the protocol are found also where the library has wrapped them. */
export function kafkaError(thrown: unknown): FlotillaError {
  if (thrown instanceof FlotillaError) return thrown;
  let cause: unknown = thrown;
  for (let depth = 0; depth < 5 && cause instanceof Error; depth += 1, cause = cause.cause) {
    const code = codeOf(cause);
    if (code !== undefined) return new FlotillaError(code, messageOf(cause), { cause: thrown });
    if (cause.name === 'KafkaJSSASLAuthenticationError') {
      return new FlotillaError('kafka.denied', messageOf(cause), { cause: thrown });
    }
  }
  return new FlotillaError('kafka.unavailable', messageOf(thrown), { cause: thrown });
}

function codeOf(error: Error): ErrorCode | undefined {
  const type: unknown = Reflect.get(error, 'type');
  if (typeof type === 'string') return CODES[type.replace(/^ERR_/, '')];
  const number: unknown = Reflect.get(error, 'code');
  return typeof number === 'number' ? NUMBERS[number] : undefined;
}
