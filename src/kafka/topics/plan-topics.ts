import { checkTopicNames } from './topic-name.js';
import type { KafkaAdmin, KafkaClient, TopicState } from '../client/kafka-client.js';

/** A topic as the fleet wants it. */
export interface WantedTopic {
  topic: string;
  partitions: number;
  replicationFactor: number;
}

/** A difference between a wanted topic and the cluster. */
export interface TopicDifference {
  topic: string;
  /** `missing`: `apply` creates it. `partitions`: it has another number of partitions, which is never changed, because
   *  that would move subjects to other partitions and break their order. */
  problem: 'missing' | 'partitions';
  detail: string;
}

/** The topic to whose only partition sinks commit their positions as offsets. It contains no records. */
export function positionsTopic(prefix: string): string {
  return `${prefix}flotilla-positions`;
}

/** Compares the topics of the cluster with the wanted ones. Rejects with `fleet.invalid` for a name that Kafka does not
 *  accept, and with a `kafka.*` error. */
export async function planTopics(client: KafkaClient, wanted: readonly WantedTopic[]): Promise<TopicDifference[]> {
  return withAdmin(client, async (admin) => compare(wanted, await statesOf(admin, wanted)));
}

/** Creates the missing topics, changes no existing one, and returns what was different before. Idempotent. Errors as for
 *  `planTopics`. */
export async function applyTopics(client: KafkaClient, wanted: readonly WantedTopic[]): Promise<TopicDifference[]> {
  return withAdmin(client, async (admin) => {
    const differences = compare(wanted, await statesOf(admin, wanted));
    for (const { topic } of differences.filter(({ problem }) => problem === 'missing')) {
      const missing = wanted.find((each) => each.topic === topic);
      if (missing !== undefined) await admin.createTopic(missing);
    }
    return differences;
  });
}

/** Runs `work` with a connected admin client and disconnects it afterwards. */
export async function withAdmin<T>(client: KafkaClient, work: (admin: KafkaAdmin) => Promise<T>): Promise<T> {
  const admin = client.admin();
  try {
    await admin.connect();
    return await work(admin);
  } finally {
    await admin.disconnect().catch(() => undefined);
  }
}

function statesOf(admin: KafkaAdmin, wanted: readonly WantedTopic[]): Promise<TopicState[]> {
  const names = wanted.map(({ topic }) => topic);
  checkTopicNames(names);
  return admin.describeTopics(names);
}

function compare(wanted: readonly WantedTopic[], states: readonly TopicState[]): TopicDifference[] {
  return wanted.flatMap(({ topic, partitions }): TopicDifference[] => {
    const state = states.find((each) => each.topic === topic);
    if (state === undefined)
      return [{ topic, problem: 'missing', detail: partitions === 1 ? '1 partition' : `${partitions} partitions` }];
    if (state.partitions === partitions) return [];
    return [{ topic, problem: 'partitions', detail: `${state.partitions} in place of ${partitions}` }];
  });
}
