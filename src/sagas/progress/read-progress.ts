import { readStream, type StreamReader } from '../../aggregates/load.js';
import { upcast } from '../../events/decode.js';
import { maskPersonal } from '../../events/personal.js';
import type { StoredEvent } from '../../store/stored-event.js';
import { sagaProgress, type SagaEntry, type SagaProgress } from './progress.js';
import type { SagaDefinition } from '../definition/types.js';

/** Reads the progress of a saga from the store in which it runs. Personal data is masked unless `withPersonal`. `now`
 *  in milliseconds since the epoch. */
export async function readSagaProgress(
  reader: StreamReader,
  { name: saga, definitions, steps }: SagaDefinition,
  sagaId: string,
  now: number,
  withPersonal = false,
): Promise<SagaProgress> {
  const entries: SagaEntry[] = [];
  for await (const page of readStream(reader, `${saga}/${sagaId}`)) {
    for (const stored of page) if (stored.type in definitions) entries.push(entryOf(stored, definitions, withPersonal));
  }
  return sagaProgress(entries, { saga, sagaId, steps: steps.map(({ name }) => name), now });
}

function entryOf(stored: StoredEvent, definitions: SagaDefinition['definitions'], withPersonal: boolean): SagaEntry {
  const { type, time, data } = upcast(definitions, stored.event);
  const shown = withPersonal ? data : maskPersonal(data, definitions[type]?.pii ?? []);
  return { sequence: stored.version, type, time, data: shown };
}
