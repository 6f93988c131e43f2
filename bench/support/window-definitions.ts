import { z } from 'zod';
import { baseCatalogue, catalogue, event, sliding, statistics, tumbling, windowResult } from 'flotilla';
import type { EventEnvelope } from '../../src/events/envelope.js';
import { createEvent } from '../../src/events/create.js';
import { newId } from '../../src/events/ids.js';
import { windowsDefinitionOf } from '../../src/windows/definition.js';

const figures = { count: z.int(), mean: z.number(), min: z.number(), max: z.number(), standardDeviation: z.number() };

export const plant = catalogue(baseCatalogue, {
  'sensor.reading': event({ 1: z.strictObject({ sensor: z.string(), value: z.number() }) }),
  'sensor.analytics': event({ 1: windowResult(figures) }),
});

/** Of each sensor by minute. */
export const byMinute = windowsDefinitionOf(
  plant.defineWindows({
    ...{ name: 'by-minute', version: 1, grace: '2s', emits: 'sensor.analytics' },
    window: tumbling('1m'),
    key: ({ data }) => data.sensor,
    initial: statistics.initial,
    on: { 'sensor.reading': (state, { data }) => statistics.add(state, data.value) },
    result: statistics.summary,
  }),
);

/** Of each sensor over the last minute. */
export const lastMinute = windowsDefinitionOf(
  plant.defineWindows({
    ...{ name: 'last-minute', version: 1, grace: '2s', emits: 'sensor.analytics' },
    window: sliding('60s', { every: '10s' }),
    key: ({ data }) => data.sensor,
    initial: statistics.initial,
    on: { 'sensor.reading': (state, { data }) => statistics.add(state, data.value) },
    merge: statistics.merge,
    result: statistics.summary,
  }),
);

/** Of all sensors by second. */
export const bySecond = plant.defineWindows({
  ...{ name: 'by-second', version: 1, grace: '500ms', emits: 'sensor.analytics' },
  window: tumbling('1s'),
  initial: statistics.initial,
  on: { 'sensor.reading': (state, { data }) => statistics.add(state, data.value) },
  result: statistics.summary,
});

/** The reading with this number, of one of `sensors`. */
export function readingOf(n: number, time: number, sensors: number): EventEnvelope {
  const id = newId(time);
  const sensor = `sensor-${n % sensors}`;
  return createEvent(
    plant.definitions,
    'sensor.reading',
    { sensor, value: 20 + ((n * 7919) % 1000) / 100 },
    { id, source: 'plant', subject: `sensor/${sensor}`, time: new Date(time).toISOString(), correlationId: id },
  );
}
