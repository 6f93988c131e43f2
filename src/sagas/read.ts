import { readStream, type StreamReader } from '../aggregates/load.js';
import { upcast } from '../events/decode.js';
import { maskPersonal } from '../events/personal.js';
import type { StoredEvent } from '../store/stored-event.js';
import { sagaStory, type SagaEntry, type SagaStory } from './story.js';
import type { SagaDefinition } from './types.js';

/** The story of a saga from the store in which it runs; personal data is hidden unless `withPersonal`. `now` in milliseconds
 *  since the epoch. */
export async function readSagaStory(
  reader: StreamReader,
  { name: saga, definitions, steps }: SagaDefinition,
  sagaId: string,
  now: number,
  withPersonal = false,
): Promise<SagaStory> {
  const entries: SagaEntry[] = [];
  for await (const page of readStream(reader, `${saga}/${sagaId}`)) {
    for (const stored of page) if (stored.type in definitions) entries.push(entryOf(stored, definitions, withPersonal));
  }
  return sagaStory(entries, { saga, sagaId, steps: steps.map(({ name }) => name), now });
}

function entryOf(stored: StoredEvent, definitions: SagaDefinition['definitions'], withPersonal: boolean): SagaEntry {
  const { type, time, data } = upcast(definitions, stored.event);
  const shown = withPersonal ? data : maskPersonal(data, definitions[type]?.pii ?? []);
  return { sequence: stored.version, type, time, data: shown };
}
