import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

interface RequestQueue {
  prototype: { throttledUntil: number; scheduleCheckPendingRequests: () => void };
}

const require = createRequire(import.meta.url);
let isDone = false;

/** KafkaJS starts a timer with a negative time for each connection that Kafka has never throttled. Node.js 24 and newer then
 *  prints a warning on the terminal of every command. Its queue of requests is wrapped: such a connection was throttled
 *  until now. */
export function avoidNegativeTimeouts(): void {
  if (isDone) return;
  isDone = true;
  const path = join(dirname(require.resolve('kafkajs')), 'src', 'network', 'requestQueue', 'index.js');
  if (!existsSync(path)) return; // another release
  const { prototype } = require(path) as RequestQueue;
  const schedule = prototype.scheduleCheckPendingRequests;
  prototype.scheduleCheckPendingRequests = function (this: RequestQueue['prototype']) {
    this.throttledUntil = Math.max(this.throttledUntil, Date.now());
    schedule.call(this);
  };
}
