import { sleep } from '../../concurrency/sleep.js';
import { messageOf } from '../../errors.js';
import type { Logger } from '../../telemetry/logger.js';
import { startOf } from '../process-identity.js';
import type { RabbitNode } from './rabbitmq-node.js';

const LOOK_EVERY = 500;

/** Starts the private node again when it ends by itself or is killed. `end` resolves when nobody looks any more. */
export function keepBrokerRunning(node: RabbitNode, logger: Logger): { end(): Promise<void> } {
  const ended = new AbortController();
  const { signal } = ended;
  const pause = (milliseconds: number) => sleep(milliseconds, signal);
  const watch = async () => {
    for (let failures = 0; !signal.aborted;) {
      await pause(LOOK_EVERY * 2 ** Math.min(failures, 6));
      if (signal.aborted || (await startOf(node.pid)) !== undefined) continue;
      logger.warn('the RabbitMQ node has ended and is started again', { pid: node.pid });
      try {
        await node.restart();
        failures = 0;
      } catch (error) {
        failures += 1;
        logger.error('the RabbitMQ node did not start again', { error: messageOf(error) });
      }
    }
  };
  const watching = watch();
  return {
    end: async () => {
      ended.abort();
      await watching;
    },
  };
}
