import { createRequire } from 'node:module';
import { expect } from 'chai';
import { loadKafkaClient } from '../../src/kafka/client/load-client.js';

interface Queue {
  pending: unknown[];
  throttledUntil: number;
  throttleCheckTimeoutId: NodeJS.Timeout | null;
  scheduleCheckPendingRequests: () => void;
}

describe('a connection of KafkaJS', () => {
  it('has a timer only while a request waits', async () => {
    await loadKafkaClient({ brokers: ['127.0.0.1:1'] });
    const RequestQueue = createRequire(import.meta.url)('kafkajs/src/network/requestQueue/index.js') as {
      prototype: Queue;
    };
    const queue = Object.create(RequestQueue.prototype) as Queue;
    Object.assign(queue, { pending: [], throttledUntil: -1, throttleCheckTimeoutId: null });
    queue.scheduleCheckPendingRequests();
    expect(queue.throttleCheckTimeoutId).to.equal(null);
    queue.pending.push({});
    queue.scheduleCheckPendingRequests();
    expect(queue.throttleCheckTimeoutId).not.to.equal(null);
    clearTimeout(queue.throttleCheckTimeoutId ?? undefined);
  });
});
