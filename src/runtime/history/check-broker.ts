import type { Broker, Delivery } from '../../broker/broker.js';
import { HEADERS, textHeader } from '../../broker/messages/headers.js';
import type { CountedMessage } from '../../contracts/history-tally.js';
import { sleep } from '../../concurrency/sleep.js';
import { readMessage } from '../../contracts/reading.js';
import { readDeadLetter } from '../../dead-letters/keeper/read-dead-letter.js';
import { isAccepted } from '../../event-log/consumers/accept-entry.js';
import { visitLog } from '../../event-log/reading/visit-log.js';
import { consumedQueues } from '../../broker/topology/partition-sets.js';
import { listRetrying } from '../../queues/retry-queues.js';
import { visitQueue } from '../../queues/visit-queue.js';
import { brokerAddress } from '../broker/broker-address.js';
import { verifyPublisher } from '../broker/verify-publisher.js';
import type { FleetSession } from '../operator/fleet-session.js';
import { readPlace, type HistoryCheck } from './history-check.js';

/** Milliseconds for the messages of one queue. */
const QUEUE_TIMEOUT_MS = 10_000;
const QUEUE_POLL_INTERVAL_MS = 200;

/** Reads the messages that wait for a retry or in the quarantine, and the dead letters that wait for the keeper. Their
 *  consumers ignore that a message was delivered before. */
export async function checkQueues(broker: Broker, session: FleetSession, check: HistoryCheck): Promise<void> {
  const { names } = session;
  for (const worker of session.queues().declared) {
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
    const quarantine = `quarantine ${name}`;
    await readPlace(quarantine, check, () =>
      checkQueue(broker, names.newer(name), check, ({ properties: { headers } }) => ({
        place: quarantine,
        inspect: `flotilla quarantine list ${name}`,
        setAsideFor: textHeader(headers, HEADERS.quarantinedFor),
      })),
    );
    const dead = `dead letters in the broker ${name}`;
    await readPlace(dead, check, () =>
      checkQueue(broker, names.dead(name), check, (delivery) => ({
        place: dead,
        inspect: 'flotilla dead collect',
        setAsideFor: readDeadLetter(delivery, name, check.definitions, Date.now()).code,
      })),
    );
  }
}

type Found = Pick<CountedMessage, 'place' | 'setAsideFor'> & { inspect: string };

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
  if (missed > 0) throw new Error(`${missed} messages of ${queue} were not read`);
}

/** Reads the events of the stream that no store and no journal of this machine has: those after `offset`, up to which the
 *  journal has read it, and not of these services. */
export async function checkStream(
  broker: Broker,
  session: FleetSession,
  { offset, services }: { offset: number | undefined; services: ReadonlySet<string> },
  check: HistoryCheck,
): Promise<void> {
  const { log: stream } = session.names;
  const from = offset === undefined ? 'first' : offset + 1;
  const verify = verifyPublisher(session.config, (await brokerAddress(session)).amqpUrl);
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

/** The messages in the queues of workers, by worker; none for a queue that is empty within `timeout` milliseconds. They are
 *  not read, because a worker acts on a delivery that is not the first one. */
export async function countQueued(
  broker: Broker,
  session: FleetSession,
  { timeout, ...check }: HistoryCheck & { timeout: number },
): Promise<Record<string, number>> {
  const queued: Record<string, number> = {};
  await readPlace('queues of workers', check, async () => {
    const end = performance.now() + timeout;
    for (const worker of session.queues().declared) {
      const { name } = worker;
      const ready = async () => {
        let sum = 0;
        for (const queue of await consumedQueues(broker, worker, session.names))
          sum += (await broker.queueDepth(queue))?.ready ?? 0;
        return sum;
      };
      let count = await ready();
      while (count > 0 && performance.now() < end && !check.signal.aborted) {
        await sleep(QUEUE_POLL_INTERVAL_MS, check.signal);
        count = await ready();
      }
      if (count > 0) queued[name] = count;
    }
  });
  return queued;
}
