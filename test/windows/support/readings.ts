import { z } from 'zod';
import { baseCatalogue, catalogue, event, hopping, sliding, tumbling, windowResult, type WindowShape } from 'flotilla';
import { createEvent } from '../../../src/events/create.js';
import { windowsDefinitionOf, type WindowsDefinition } from '../../../src/windows/definition.js';

/** Readings of sensors. A result lists the numbers of its readings, so that it can be compared exactly. */
export const plant = catalogue(baseCatalogue, {
  'reading.taken': event({ 1: z.strictObject({ sensor: z.string(), n: z.int() }) }),
  'readings.taken': event({
    1: z.strictObject({
      readings: z.array(
        z.strictObject({ id: z.string().optional(), sensor: z.string(), n: z.int(), time: z.string() }),
      ),
    }),
  }),
  'reading.listed': event({ 1: windowResult({ numbers: z.array(z.int()) }) }),
});

const shapes = {
  tumbling: tumbling('10s'),
  hopping: hopping('30s', { every: '10s' }),
  sliding: sliding('30s', { every: '10s' }),
} as const;

export interface ListingOptions {
  kind: keyof typeof shapes;
  late?: 'correct' | 'ignore';
  grace?: string;
  correctFor?: string;
  idleAfter?: string;
  early?: string;
  version?: number;
  name?: string;
}

/** Windows that list the numbers of the readings of each sensor. */
export function listing({ kind, ...options }: ListingOptions) {
  return plant.defineWindows({
    ...{ name: 'listing', version: 1, grace: '5s', ...options },
    window: shapes[kind] as WindowShape<'hopping'>,
    split: { 'readings.taken': ({ data }) => data.readings.map(({ id, ...part }) => ({ data: part, id })) },
    time: (reading) => (reading.type === 'readings.taken' ? reading.data.time : reading.time),
    key: ({ data }) => data.sensor,
    initial: (): number[] => [],
    on: {
      'reading.taken': (numbers, { data }) => [...numbers, data.n],
      'readings.taken': (numbers, { data }) => [...numbers, data.n],
    },
    merge: (a, b) => [...a, ...b],
    emits: 'reading.listed',
    result: (numbers) => ({ numbers: [...numbers].sort((a, b) => a - b) }),
  });
}

export function listingDefinition(options: ListingOptions): WindowsDefinition {
  return windowsDefinitionOf(listing(options));
}

/** A reading within an event; a time that is NaN is none. */
export interface PartTaken {
  n: number;
  sensor: string;
  time: number;
  id?: string | undefined;
}

/** Readings that are reported together, with a number that is also the id of the event. */
export function readings({ n, source, parts }: { n: number; source: string; parts: readonly PartTaken[] }) {
  const id = idOf(n);
  const data = parts.map(({ time, ...part }) => ({
    ...part,
    time: Number.isNaN(time) ? 'never' : new Date(time).toISOString(),
  }));
  return createEvent(
    plant.definitions,
    'readings.taken',
    { readings: data },
    { id, source, subject: `source/${source}`, time: new Date(0).toISOString(), correlationId: id },
  );
}

function idOf(n: number): string {
  return `00000000-0000-8000-8000-${String(n).padStart(12, '0')}`;
}

/** A reading with a number, which is also its id. */
export function reading({ n, source, sensor, time }: { n: number; source: string; sensor: string; time: number }) {
  const id = idOf(n);
  return createEvent(
    plant.definitions,
    'reading.taken',
    { sensor, n },
    { id, source, subject: `sensor/${sensor}`, time: new Date(time).toISOString(), correlationId: id },
  );
}
