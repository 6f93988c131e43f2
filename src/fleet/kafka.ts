import { FlotillaError } from '../errors.js';
import type { Definitions } from '../events/definitions.js';
import { typesMatching } from '../events/handler-types.js';
import type { RecordKey } from '../kafka/sink/records.js';
import { positionsTopic, type WantedTopic } from '../kafka/topics/plan-topics.js';
import { checkTopicNames } from '../kafka/topics/topic-name.js';
import { topicOf, type TopicRoutes } from '../kafka/topics/topic-routes.js';
import { windowsDefinitionOf, type Windows, type WindowsDefinition } from '../windows/definition.js';

/** Topics of Kafka whose records become events of the service `kafka`. */
export interface KafkaSourceDeclaration {
  /** Names its consumer group: `flotilla-source-<name>`. */
  readonly name: string;
  readonly topics: readonly string[];
  /** Topic patterns of the types that it accepts; other records are rejected. */
  readonly types: readonly string[];
  /** Where it begins to read. @default 'beginning' */
  readonly from?: 'beginning' | 'end';
}

/** Windows over topics of Kafka, computed in the store `kafka`. */
export interface KafkaWindowsDeclaration {
  readonly windows: Windows;
  /** As they are named in Kafka: FLOTILLA_PREFIX does not precede them. */
  readonly topics: readonly string[];
}

/** What a fleet exchanges with Kafka. `flotilla kafka run` does so where KAFKA_BROKERS is set. */
export interface KafkaDeclaration {
  /** The topics to which the events of all services are published, by topic pattern of their types: `{ 'order.*':
   *  'order-events' }`. The first match counts; other types are not published. FLOTILLA_PREFIX precedes the names. */
  readonly topics?: TopicRoutes;
  /** Of each topic that `kafka topics apply` creates. @default 3 */
  readonly partitions?: number;
  /** Copies of each partition. @default 1 */
  readonly replicationFactor?: number;
  /** What the key of a record is. @default 'subject' */
  readonly key?: RecordKey;
  readonly sources?: readonly KafkaSourceDeclaration[];
  /** Their results are events of the service `kafka`, published to RabbitMQ and, if their type has a topic, to Kafka. */
  readonly windows?: readonly KafkaWindowsDeclaration[];
}

/** A fleet, as far as it is about Kafka. */
interface KafkaFleet {
  readonly kafka?: KafkaDeclaration;
  readonly catalogue: { readonly definitions: Definitions };
}

const SOURCE_NAME = /^[a-z][a-z0-9-]{0,62}$/;

/** Throws `fleet.invalid` for names that Kafka does not accept, and for patterns that match no type. */
export function checkKafka({ kafka, catalogue }: KafkaFleet): void {
  if (kafka === undefined) return;
  const { topics = {}, partitions = 3, replicationFactor = 1, sources = [], windows = [] } = kafka;
  checkTopicNames([...Object.values(topics), ...[...sources, ...windows].flatMap((reader) => reader.topics)]);
  for (const [name, value, most] of [
    ['partitions', partitions, 1_000],
    ['replicationFactor', replicationFactor, 15],
  ] as const) {
    if (!Number.isInteger(value) || value < 1 || value > most) {
      throw new FlotillaError('fleet.invalid', `kafka.${name} is ${value}, not a number from 1 to ${most}`);
    }
  }
  const names = new Set<string>();
  for (const { name } of sources) {
    if (!SOURCE_NAME.test(name)) {
      throw new FlotillaError('fleet.invalid', `${JSON.stringify(name)} is not a valid name of a Kafka source`);
    }
    if (names.has(name)) throw new FlotillaError('fleet.invalid', `two Kafka sources have the name ${name}`);
    names.add(name);
  }
  checkResults({ kafka, catalogue });
  for (const pattern of [...Object.keys(topics), ...sources.flatMap(({ types }) => types)]) {
    if (typesMatching(catalogue.definitions, pattern).length > 0) continue;
    throw new FlotillaError('fleet.invalid', `kafka: ${pattern} matches no type of the catalogue`);
  }
}

/** A result whose type comes from a source too would be read as one of another program. */
function checkResults(fleet: KafkaFleet): void {
  const accepted = new Set(typesOfSources(fleet));
  for (const { name, emits } of kafkaWindows(fleet)) {
    if (!accepted.has(emits)) continue;
    throw new FlotillaError('fleet.invalid', `kafka: the windows ${name} emit ${emits}, which a source accepts`);
  }
}

/** The types that the sources of the fleet append. */
function typesOfSources({ kafka, catalogue }: KafkaFleet): string[] {
  const patterns = kafka?.sources?.flatMap(({ types }) => types) ?? [];
  return patterns.flatMap((pattern) => typesMatching(catalogue.definitions, pattern));
}

/** The windows over topics. */
export function kafkaWindows({ kafka }: { readonly kafka?: KafkaDeclaration | undefined }): WindowsDefinition[] {
  return kafka?.windows?.map(({ windows }) => windowsDefinitionOf(windows)) ?? [];
}

/** The types of the events in the store `kafka`. */
export function typesFromKafka(fleet: KafkaFleet): string[] {
  return [...new Set([...typesOfSources(fleet), ...kafkaWindows(fleet).map(({ emits }) => emits)])];
}

/** The routes of the sink of the store `kafka`, with the prefix of the fleet: results of windows only. What comes from
 *  Kafka is not published there again. */
export function kafkaResultRoutes(fleet: KafkaFleet, prefix: string): TopicRoutes {
  const find = topicOf(kafkaRoutes(fleet, prefix), fleet.catalogue.definitions);
  return Object.fromEntries(
    kafkaWindows(fleet).flatMap(({ emits }) => {
      const topic = find(emits);
      return topic === undefined ? [] : [[emits, topic]];
    }),
  );
}

/** The routes of the sinks, with the prefix of the fleet. */
export function kafkaRoutes({ kafka }: Pick<KafkaFleet, 'kafka'>, prefix: string): TopicRoutes {
  return Object.fromEntries(
    Object.entries(kafka?.topics ?? {}).map(([pattern, topic]) => [pattern, `${prefix}${topic}`]),
  );
}

/** The topics that the sinks need. Topics of sources belong to others. */
export function wantedTopics(fleet: Pick<KafkaFleet, 'kafka'>, prefix: string): WantedTopic[] {
  const { partitions = 3, replicationFactor = 1 } = fleet.kafka ?? {};
  const topics = [...new Set(Object.values(kafkaRoutes(fleet, prefix)))];
  if (topics.length === 0) return [];
  return [
    ...topics.map((topic) => ({ topic, partitions, replicationFactor })),
    { topic: positionsTopic(prefix), partitions: 1, replicationFactor },
  ];
}
