import type { Clock } from '../../concurrency/clock.js';
import { messageOf } from '../../errors.js';
import { eventIn } from '../../events/event-in.js';
import { failpoint } from '../../failpoints.js';
import type { Logger } from '../../telemetry/logger.js';
import type { ConsumptionGate } from '../consumption/gate.js';
import type { Message } from '../pipeline/message.js';
import type { DeliveryOutcome } from '../pipeline/settle.js';
import { untilStored } from '../pipeline/until-stored.js';
import type { QuarantineRecord } from './quarantine-record.js';
import type { EventKey } from './quarantine-table.js';

/** Deletes the row of a quarantined message that was handled, retried or dead-lettered, before it is acked: the next
 *  message of its subject may be handled then. While the store refuses this, the message stays in flight. */
export function forgetSettled(
  record: QuarantineRecord,
  gate: Pick<ConsumptionGate, 'pauseAfterError'>,
  { logger, clock, ending }: { logger: Logger; clock: Clock; ending: AbortController },
): (message: Message, outcome: DeliveryOutcome) => Promise<DeliveryOutcome> | undefined {
  return (message, outcome) => {
    if (record.isEmpty && !message.delivery.redelivered) return undefined;
    if (outcome === 'quarantined' || outcome === 'returned') return undefined;
    const event = message.event ?? eventIn(message.delivery);
    return event === undefined ? undefined : forget(message, event, outcome);
  };

  async function forget(message: Message, event: EventKey, outcome: DeliveryOutcome): Promise<DeliveryOutcome> {
    const isForgotten = await untilStored(() => record.remove(event), {
      gone: AbortSignal.any([message.delivery.lost, ending.signal]),
      clock,
      onFirstFailure(error) {
        logger.warn(`A released message stays in flight until the store accepts commits again: ${messageOf(error)}`, {
          event: event.id,
        });
        gate.pauseAfterError();
      },
    });
    failpoint('worker.quarantine_removed');
    return isForgotten ? outcome : 'returned';
  }
}
