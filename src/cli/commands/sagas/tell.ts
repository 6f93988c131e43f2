import { originContext } from '../../../events/create.js';
import { advance } from '../../../sagas/advance.js';
import type { SagaInput } from '../../../sagas/trigger.js';
import { readSagaStory } from '../../../sagas/read.js';
import type { SagaStory } from '../../../sagas/story.js';
import { operator } from '../dead/filter.js';
import type { FoundSaga } from './open.js';

/** The word of a person. */
export type Word = { kind: 'retry' } | { kind: 'compensate'; reason: string };

/** Tells a saga, as part of its own story, and gives what has become of it. What follows is published by its worker. Throws
 *  `saga.refused`. */
export async function tellSaga({ saga, sagaId, store }: FoundSaga, word: Word): Promise<SagaStory> {
  const now = Date.now();
  const [first] = await store.read(`${saga.name}/${sagaId}`, 0, 1);
  const told: SagaInput = { ...word, sagaId, now, who: operator() };
  await store.transaction((tx) =>
    advance(tx, saga, told, (subject) =>
      originContext({ source: store.service, subject, now, ...(first && { correlationId: first.correlationId }) }),
    ),
  );
  return readSagaStory(store, saga, sagaId, now);
}

/** What follows, in one line. */
export function whatFollows({ saga, sagaId, status, waiting }: SagaStory): string {
  const now = `${saga}/${sagaId} is ${status}`;
  if (waiting === null) return `${now}.`;
  const { step, direction, attempt, until } = waiting;
  const what = direction === 'back' ? `${step} is asked to be undone` : `${step} is asked for`;
  return `${now}: ${what}${attempt > 1 ? `, try ${attempt}` : ''}, an answer is awaited until ${until}.`;
}
