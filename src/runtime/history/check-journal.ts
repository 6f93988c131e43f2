import { readMessage } from '../../contracts/reading.js';
import { CLOUDEVENTS_JSON } from '../../events/envelope.js';
import { visitOtherSources } from '../../journal/visit-others.js';
import { readPlace, type HistoryCheck } from './history-check.js';

const properties = { contentType: CLOUDEVENTS_JSON };

/** Reads the events of the journal that no store of this machine has: those of publishers outside the fleet and of services
 *  on other machines. */
export async function checkJournal(path: string, services: readonly string[], check: HistoryCheck): Promise<void> {
  const place = 'journal';
  check.tally.begin(place);
  await readPlace(place, check, () =>
    visitOtherSources(path, services, check.signal, ({ id, time, body }) => {
      check.tally.add({
        place,
        reading: readMessage(check.definitions, { body, properties }),
        about: () => ({ id, time, inspect: `flotilla events show ${id}` }),
      });
    }),
  );
}
