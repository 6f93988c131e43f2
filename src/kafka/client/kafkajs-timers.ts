import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

interface RequestQueue {
  prototype: { pending: unknown[]; scheduleCheckPendingRequests: () => void };
}

const require = createRequire(import.meta.url);
let isDone = false;

/** KafkaJS checks the requests that wait for each connection every millisecond, also if there are none: an idle process wakes up
 *  a thousand times a second. Its timer has a negative time then, for which Node.js 24 and newer prints a warning in the
 *  terminal of every command. Its queue of requests is wrapped: without one that waits there is no timer. The next request that
 *  waits starts one. */
export function avoidNeedlessTimers(): void {
  if (isDone) return;
  isDone = true;
  const path = join(dirname(require.resolve('kafkajs')), 'src', 'network', 'requestQueue', 'index.js');
  if (!existsSync(path)) return; // another release
  const { prototype } = require(path) as RequestQueue;
  const schedule = prototype.scheduleCheckPendingRequests;
  prototype.scheduleCheckPendingRequests = function (this: RequestQueue['prototype']) {
    if (this.pending.length > 0) schedule.call(this);
  };
}
