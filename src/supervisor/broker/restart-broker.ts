import { sleep } from '../../concurrency/sleep.js';
import { messageOf } from '../../errors.js';
import { FaultLog } from '../../telemetry/fault-log.js';
import type { Logger } from '../../telemetry/logger.js';
import { startOf } from '../process-identity.js';
import type { RabbitNode } from './rabbitmq-node.js';

const POLL_INTERVAL_MS = 500;

/** Restarts the private node when it exits or is killed. `end` resolves when the monitoring has stopped. */
export function restartBrokerOnExit(
  node: Pick<RabbitNode, 'pid' | 'restart'>,
  logger: Logger,
): { end(): Promise<void> } {
  const ended = new AbortController();
  const { signal } = ended;
  const pause = (milliseconds: number) => sleep(milliseconds, signal);
  const fault = new FaultLog(logger, 'error');
  const watch = async () => {
    for (let failures = 0; !signal.aborted;) {
      await pause(POLL_INTERVAL_MS * 2 ** Math.min(failures, 6));
      if (signal.aborted || (await startOf(node.pid)) !== undefined) continue;
      if (!fault.isOpen) logger.warn('the RabbitMQ node ended and is being restarted', { pid: node.pid });
      try {
        await node.restart();
        if (fault.isOpen) fault.recovered('the RabbitMQ node runs again', { pid: node.pid });
        else logger.warn('the RabbitMQ node runs again', { pid: node.pid });
        failures = 0;
      } catch (error) {
        failures += 1;
        fault.failed('the RabbitMQ node could not be restarted', { error: messageOf(error) });
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
