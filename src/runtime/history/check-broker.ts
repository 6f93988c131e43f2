import type { Broker, Delivery } from '../../broker/broker.js';
import type { VerifyPublisher } from '../../broker/users/verify-publisher.js';
import type { Names, WorkerQueues } from '../../broker/topology/topology.js';
import type { CountedMessage } from '../../contracts/history-tally.js';
import { readMessage } from '../../contracts/reading.js';
import { readDeadLetter } from '../../dead-letters/keeper/read-dead-letter.js';
import { isAccepted } from '../../event-log/consumers/accept-entry.js';
import { visitLog } from '../../event-log/reading/visit-log.js';
import { listRetrying } from '../../queues/retry-queues.js';
import { visitQueue } from '../../queues/visit-queue.js';
import { readPlace, type HistoryCheck } from './history-check.js';

/** Milliseconds for the messages of one queue. */
const QUEUE_TIMEOUT_MS = 10_000;

/** Reads the messages that wait for a retry, and the dead letters that wait for the keeper. Workers do not consume these
 *  queues, and the keeper ignores that a message was delivered before. */
export async function checkQueues(
  broker: Broker,
  { names, workers }: { names: Names; workers: readonly WorkerQueues[] },
  check: HistoryCheck,
): Promise<void> {
  for (const worker of workers) {
    const { name } = worker;
    const retries = `retries ${name}`;
    await readPlace(retries, check, async () => {
      for (const { queue } of await listRetrying(broker, names, [worker])) {
        await checkQueue(broker, queue, check, () => ({
          place: retries,
          inspect: `flotilla retrying list ${name}`,
        }));
      }
    });
    const dead = `dead letters in the broker ${name}`;
    await readPlace(dead, check, () =>
      checkQueue(broker, names.dead(name), check, (delivery) => ({
        place: dead,
        inspect: 'flotilla dead collect',
        deadLetteredAs: readDeadLetter(delivery, name, check.definitions, Date.now()).code,
      })),
    );
  }
}

type Found = Pick<CountedMessage, 'place' | 'deadLetteredAs'> & { inspect: string };

async function checkQueue(
  broker: Broker,
  queue: string,
  { definitions, tally, signal }: HistoryCheck,
  found: (delivery: Delivery) => Found,
): Promise<void> {
  const missed = await visitQueue(broker, queue, { limit: QUEUE_TIMEOUT_MS, signal }, (delivery) => {
    const { inspect, ...place } = found(delivery);
    const reading = readMessage(definitions, delivery);
    const { id = delivery.properties.messageId ?? null, time = null } = reading.event ?? {};
    tally.add({ ...place, reading, about: () => ({ id, time, inspect }) });
  });
  if (missed > 0) throw new Error(`${missed} messages of ${queue} were not delivered to this command`);
}

export interface CheckStreamOptions {
  stream: string;
  from: 'first' | number;
  /** The services whose stores were read: the stream has copies of their events. */
  services: ReadonlySet<string>;
  verify: VerifyPublisher | undefined;
}

/** Reads the events of the stream that no store and no journal of this machine has. */
export async function checkStream(
  broker: Broker,
  { stream, from, services, verify }: CheckStreamOptions,
  check: HistoryCheck,
): Promise<void> {
  const { definitions, tally, signal } = check;
  const place = `stream ${stream}`;
  tally.begin(place);
  await readPlace(place, check, () =>
    visitLog(broker, stream, { from, signal }, (entry) => {
      if (!isAccepted(entry, { verify, definitions })) return;
      const reading = readMessage(definitions, entry);
      const { event } = reading;
      // consumers of the stream ignore what is no event
      if (event === undefined || services.has(event.source)) return;
      const { id, time } = event;
      tally.add({ place, reading, about: () => ({ id, time, inspect: `flotilla events show ${id}` }) });
    }),
  );
}
