/** Kafka: a sink publishes the events of a store to topics, a source stores records as events, and a bus publishes and
 *  handles events without RabbitMQ. Needs `kafkajs` or `@confluentinc/kafka-javascript`, optional peer dependencies that
 *  are loaded when a client is created. A fleet that declares `kafka` runs its sinks and sources by `flotilla kafka run`.
 *  @module flotilla/kafka */

export { loadKafkaClient } from './kafka/client/load-client.js';
export type { KafkaConnection } from './kafka/client/connection.js';
export type { KafkaClient } from './kafka/client/kafka-client.js';
export {
  applyTopics,
  planTopics,
  positionsTopic,
  type TopicDifference,
  type WantedTopic,
} from './kafka/topics/plan-topics.js';
export type { TopicRoutes } from './kafka/topics/topic-routes.js';
export { createSink, type Sink, type SinkOptions, type SinkState } from './kafka/sink/sink.js';
export { POSITION_HEADER, type RecordKey } from './kafka/sink/records.js';
export { createSource, type Source, type SourceOptions, type SourceState } from './kafka/source/source.js';
export {
  createTopicWindows,
  type TopicWindows,
  type TopicWindowsOptions,
  type TopicWindowsState,
} from './kafka/windows/topic-windows.js';
export {
  createKafkaBus,
  type BusHandler,
  type BusSubscriptionOptions,
  type KafkaBus,
  type KafkaBusOptions,
} from './kafka/bus/kafka-bus.js';
export type { KafkaDeclaration, KafkaSourceDeclaration, KafkaWindowsDeclaration } from './fleet/kafka.js';
export { runKafka } from './runtime/run-kafka.js';
