import { createEvent, originContext } from '../../src/events/create.js';
import type { UnsequencedEvent } from '../../src/events/envelope.js';
import type { Store } from '../../src/store/store.js';
import { shop } from '../../test/support/shop.js';

/** Creates events of one stream, each with its own correlation id. */
export function eventsOf(subject: string, count: number): UnsequencedEvent[] {
  return Array.from({ length: count }, (_, n) =>
    createEvent(shop.definitions, 'job.begun', { n }, originContext({ source: 'core', subject })),
  );
}

/** Appends events in streams of a hundred, until the store contains the given number. */
export async function fillTo(store: Store, count: number): Promise<void> {
  const missing = count - (await store.head());
  for (let at = 0; at < missing; at += 1_000) {
    const streams = Math.ceil(Math.min(1_000, missing - at) / 100);
    await Promise.all(
      Array.from({ length: streams }, (_, n) => {
        const stream = `fill/${count}-${at + n * 100}`;
        return store.append(stream, 'none', eventsOf(stream, Math.min(100, missing - at - n * 100)));
      }),
    );
  }
}

/** Appends single events, each to a separate stream, `parallel` at a time. */
export async function appendSingles(
  store: Store,
  events: readonly UnsequencedEvent[],
  parallel: number,
): Promise<void> {
  let next = 0;
  const work = async () => {
    for (let event = events[next++]; event !== undefined; event = events[next++]) {
      await store.append(event.subject, 'none', [event]);
    }
  };
  await Promise.all(Array.from({ length: parallel }, work));
}
