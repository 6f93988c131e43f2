import { readMessage } from '../../contracts/reading.js';
import { visitUnsettled } from '../../dead-letters/storage/visit-unsettled.js';
import { CLOUDEVENTS_JSON } from '../../events/envelope.js';
import { visitStoredBodies } from '../../store/sqlite/read/stored-bodies.js';
import { readPlace, type HistoryCheck } from './history-check.js';
import type { StoreFile } from './store-files.js';

const properties = { contentType: CLOUDEVENTS_JSON };

/** Reads every event of a store, of its archive and of its timers. */
export async function checkStore({ service, path }: StoreFile, check: HistoryCheck): Promise<void> {
  const places = { store: `store ${service}`, archive: `archive ${service}`, timer: `timers ${service}` };
  check.tally.begin(places.store);
  await readPlace(places.store, check, () =>
    visitStoredBodies(path, check.signal, ({ from, body, about }) => {
      const reading = readMessage(check.definitions, { body, properties });
      check.tally.add({
        place: places[from],
        reading,
        about() {
          const { id, time } = reading.event ?? about();
          return { id, time, inspect: from === 'timer' ? null : `flotilla events show ${id}` };
        },
      });
    }),
  );
}

/** Reads the dead letters of the store `ops` that may be replayed. */
export async function checkDeadLetters(path: string, check: HistoryCheck): Promise<void> {
  const place = 'dead letters';
  check.tally.begin(place);
  await readPlace(place, check, () =>
    visitUnsettled(path, check.signal, ({ id, code, deadAt, message }) => {
      check.tally.add({
        place,
        reading: readMessage(check.definitions, message),
        about: () => ({ id, time: deadAt, inspect: `flotilla dead show ${id}` }),
        setAsideFor: code,
      });
    }),
  );
}
