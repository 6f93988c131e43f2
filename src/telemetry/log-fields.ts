/**
 * The log fields besides `timestamp`, `level` and `message`: name in code and in the text format, name in JSON, and
 * description. Names follow OpenTelemetry's semantic conventions where these define one. Other fields keep their names.
 * See docs/operations/logging.md.
 * Source: https://opentelemetry.io/docs/specs/semconv/registry/attributes/
 */
export const LOG_FIELDS = {
  // the logging process
  process: ['service.name', 'the process: `supervisor`, `api`, `keeper`, `sandbox`, or its workers'],
  instance: ['service.instance.id', 'the replica: name, host, pid and a random part'],
  child: ['flotilla.child', 'a process that the supervisor runs'],
  pid: ['process.pid', 'the process of the private broker'],
  worker: ['flotilla.worker', 'the worker'],
  workers: ['flotilla.workers', 'the number of workers'],
  store: ['flotilla.store', 'the service whose store it concerns'],
  service: ['flotilla.service', 'the service whose events it concerns'],
  projection: ['flotilla.projection', 'the projection'],
  windows: ['flotilla.windows', 'the window definition'],
  connection: ['flotilla.connection', 'the name of the connection to the broker'],
  purpose: ['flotilla.channel.purpose', 'what a channel is for'],

  // the handled message
  event: ['cloudevents.event_id', 'the id of the event'],
  type: ['cloudevents.event_type', 'the type of the event'],
  schemaVersion: ['flotilla.event.schema_version', 'the version in which the event was written'],
  correlation: ['messaging.message.conversation_id', 'the correlation id'],
  attempt: ['flotilla.attempt', 'the number of the attempt, from 1'],
  deadLetter: ['flotilla.dead_letter.id', 'the id of the dead letter'],
  deadLetters: ['flotilla.dead_letters', 'the number of dead letters'],
  messages: ['flotilla.messages', 'the number of messages'],
  exchange: ['messaging.destination.name', 'the exchange'],
  queue: ['messaging.destination.name', 'the queue'],
  partitions: ['flotilla.partitions', 'the number of partitions in use'],
  expectedPartitions: ['flotilla.partitions.expected', 'the number of partitions of the store or the definition'],
  stalls: ['flotilla.partition.stalls', 'how often the partition has stalled'],
  topic: ['messaging.destination.name', 'the topic of Kafka'],
  partition: ['messaging.destination.partition.id', 'the partition of the topic'],
  offset: ['messaging.kafka.offset', 'the offset of the record in its partition'],
  stored: ['flotilla.kafka.offset.stored', 'the offset in the store'],
  routingKey: ['messaging.rabbitmq.destination.routing_key', 'the routing key'],
  position: ['flotilla.position', 'the position of an event in its store'],
  overdue: ['flotilla.handlers.overdue', 'handlers over their timeout'],
  abandoned: ['flotilla.handlers.abandoned', 'abandoned handlers'],

  // the failure
  code: ['error.type', 'the stable code of the error'],
  error: ['exception.message', 'the text of the error, redacted'],
  stack: ['exception.stacktrace', 'the stack of the error, redacted'],
  reason: ['flotilla.reason', 'why it happened, redacted'],
  why: ['flotilla.reason', 'why it happened'],
  what: ['flotilla.request', 'the request to the broker that was refused'],
  remedy: ['flotilla.remedy', 'what is done about it'],
  exitCode: ['flotilla.exit.code', 'the exit code of a process'],
  signal: ['flotilla.exit.signal', 'the signal that ended a process'],
  suppressed: ['flotilla.suppressed', 'similar entries that were suppressed since the last one'],
  faultSeconds: ['flotilla.fault.duration_s', 'seconds from the begin of a fault to its end'],
  missing: ['flotilla.missing', 'log lines that could not be written'],

  // the HTTP request
  method: ['http.request.method', 'the method'],
  path: ['url.path', 'the path, without the query'],
  route: ['http.route', 'the route as declared; `none` where there is none'],
  status: ['http.response.status_code', 'the status; absent if the client disconnected first'],
  milliseconds: ['flotilla.duration_ms', 'milliseconds from the request to the end of the response'],
  purged: ['flotilla.purged', 'idempotency replies that were deleted'],
  check: ['flotilla.check', 'the check of /readyz that throws'],
  url: ['url.full', 'where the process answers'],

  // a saga
  saga: ['flotilla.saga', 'the name of the saga'],
  sagaId: ['flotilla.saga.id', 'the id of the saga'],
  step: ['flotilla.saga.step', 'the step that cannot be compensated'],

  // the broker, the log and the stores
  node: ['server.address', 'the node of the broker'],
  port: ['server.port', 'the port of the private broker'],
  version: ['flotilla.broker.version', 'the version of RabbitMQ'],
  dataDir: ['flotilla.data_dir', 'the folder of the data'],
  urls: ['flotilla.urls', 'where API, sandbox and management API answer'],
  kind: ['flotilla.topology.kind', 'exchange, queue or binding'],
  name: ['flotilla.topology.name', 'the exchange or queue'],
  successor: ['flotilla.topology.successor', 'the queue that takes its messages'],
  recreated: ['flotilla.topology.recreated', 'exchanges and queues that were declared again'],
  moved: ['flotilla.moved', 'messages that were moved'],
  deferred: ['flotilla.relay.deferred', 'deferred events'],
  types: ['flotilla.relay.types', 'the types that the broker refuses'],
  since: ['flotilla.since', 'since when, RFC 3339'],
  holder: ['flotilla.store.holder', 'the store that holds the claim'],
  units: ['flotilla.store.units', 'transactions that were rolled back'],
  events: ['flotilla.events', 'the number of events'],
  unreachable: ['flotilla.out_of_reach', 'services whose stores cannot be read'],
  expected: ['flotilla.log.expected', 'the expected next position of the log'],
  found: ['flotilla.log.found', 'the next position of the log'],
  count: ['flotilla.count', 'the number of processed items'],
  seconds: ['flotilla.clock.jump_s', 'how far the system time has jumped'],
  in: ['flotilla.restart_in', 'when the process restarts'],
} as const satisfies Readonly<Record<string, readonly [name: string, meaning: string]>>;

/** Returns the name of a field in JSON. */
export function jsonName(field: string): string {
  return Object.hasOwn(LOG_FIELDS, field) ? LOG_FIELDS[field as keyof typeof LOG_FIELDS][0] : field;
}

const TRACEPARENT = /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})/;

/**
 * Returns the fields of a W3C traceparent as OpenTelemetry defines them for logs outside OTLP; none for an invalid one.
 * Source: https://opentelemetry.io/docs/specs/otel/compatibility/logging_trace_context/
 */
export function traceFields(traceparent: unknown): { trace_id?: string; span_id?: string; trace_flags?: string } {
  const [, trace_id, span_id, trace_flags] =
    typeof traceparent === 'string' ? (TRACEPARENT.exec(traceparent) ?? []) : [];
  return trace_id === undefined ? {} : { trace_id, span_id, trace_flags };
}
