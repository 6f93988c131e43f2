import type { ConsumerHandlers, ConsumerOptions } from './kafka-client.js';
import type { ConsumerWatch, Dialect } from './dialect.js';
import { kafkaError } from './kafka-error.js';
import { groupable, javaPartitioner } from './kafkajs-messages.js';
import type { ShapeConsumer } from './kafkajs-shape.js';

type Retry = Readonly<Record<string, unknown>>;

/** `kafkajs`. */
export function kafkajsDialect({ retry }: { retry: Retry }): Dialect {
  return {
    producer: (options) => ({ ...options, createPartitioner: javaPartitioner }),
    consumer: (options) => watchOf(options, retry),
    subscription: ({ fromBeginning }) => ({ fromBeginning }),
    run: () => ({ autoCommit: false, eachBatchAutoResolve: false }),
    send: ({ topic, messages }) => ({ acks: -1, topic, messages: groupable(messages) }),
    topics: { waitForLeaders: false },
    groupOffset: async (admin, groupId, topic, partition) => {
      const [found] = await admin.fetchOffsets({ groupId, topics: [topic] });
      return found?.partitions.find((each) => each.partition === partition);
    },
    offsetsOf: async (consumerGroupId) => ({
      send: (transaction, { topic, partition, offset, metadata }) =>
        transaction.sendOffsets({
          consumerGroupId,
          topics: [{ topic, partitions: [{ partition, offset: String(offset), metadata }] }],
        }),
      close: () => Promise.resolve(),
    }),
  };
}

function watchOf({ group, sessionTimeout }: ConsumerOptions, retry: Retry): ConsumerWatch {
  return {
    options: {
      groupId: group,
      sessionTimeout,
      heartbeatInterval: sessionTimeout / 3,
      allowAutoTopicCreation: false,
      // a member that vanishes while it joins holds up the others for so long; no batch takes longer
      rebalanceTimeout: 2 * sessionTimeout,
      // short, because a record waits for up to this long in the broker
      maxWaitTimeInMs: 500,
      // a consumer that has crashed is replaced by a new one
      retry: { ...retry, restartOnFailure: () => Promise.resolve(false) },
    },
    begin: async (consumer, handlers) => listen(consumer, handlers),
    lastOffset: (batch) => BigInt(batch.lastOffset()),
    processed: () => undefined,
  };
}

function listen(consumer: ShapeConsumer, { onRebalance, onCrash, onSkipped }: ConsumerHandlers): void {
  consumer.on?.('consumer.group_join', onRebalance);
  consumer.on?.('consumer.crash', ({ payload }) => onCrash(kafkaError(payload.error)));
  if (onSkipped === undefined) return;
  consumer.on?.('consumer.end_batch_process', ({ payload }) => {
    const { topic, partition, batchSize, firstOffset, lastOffset } = payload;
    if (batchSize !== 0 || topic === undefined || partition === undefined) return;
    if (typeof firstOffset !== 'string' || lastOffset === undefined) return;
    onSkipped(topic, partition, { first: BigInt(firstOffset), last: BigInt(lastOffset) });
  });
}
