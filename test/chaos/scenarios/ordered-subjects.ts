import { createPublisher } from '../../../src/client/publisher.js';
import { sleep } from '../../../src/concurrency/sleep.js';
import { newId } from '../../../src/events/ids.js';
import { ordered } from '../fixtures/ordered.js';
import {
  correctPoisoned,
  despiteOutages,
  withReplicas,
  type OrderedOptions,
  type OrderedResult,
} from '../support/ordered-replicas.js';

const SUBJECTS = 24;

/** Replicas of a worker with `ordering: 'subject'` are killed, and its dependency is unavailable at times. A fifth of the events
 *  fails once or twice; some always fail, until an operator corrects and replays their dead letters. */
export function keepOrder(options: OrderedOptions): Promise<OrderedResult> {
  const published = new Map<string, number[]>();
  return withReplicas(options, {
    fleet: 'test/chaos/fixtures/ordered.ts',
    operate: correctPoisoned,
    expected: () => published,
    async publish({ fleet, random }, broker, signal) {
      const publisher = createPublisher({ broker, source: 'till', prefix: fleet.options.prefix, catalogue: ordered });
      for (let n = 0; n < options.events || !signal.aborted; n += 1) {
        const subject = `walk/${random.between(1, SUBJECTS)}`;
        const counts = published.get(subject) ?? [];
        const count = counts.length + 1;
        const fails = random.chance(0.2) ? random.between(1, 2) : 0;
        const data = { count, fails, poison: random.chance(0.01) };
        const id = newId();
        await despiteOutages(() => publisher.publish('step.taken', data, { subject, id }), broker);
        published.set(subject, [...counts, count]);
        if (n >= options.events) await sleep(random.between(5, 25), AbortSignal.timeout(60_000));
        else if (random.chance(0.1)) await sleep(random.between(1, 60), AbortSignal.timeout(60_000));
      }
    },
  });
}
