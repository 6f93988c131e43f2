import { expect } from 'chai';
import { tumbling } from 'flotilla';
import { windowsDefinitionOf } from '../../src/windows/definition.js';
import { arrivingEvent } from '../../src/windows/reader/arriving-event.js';
import { plant, reading } from './support/readings.js';

describe('the event time of a window definition', () => {
  const partWith = (time?: () => string) => {
    const windows = plant.defineWindows({
      ...{ name: 'counts', version: 1, window: tumbling('10s'), grace: '1s', ...(time && { time }) },
      initial: (): number[] => [],
      on: { 'reading.taken': (numbers) => numbers },
      emits: 'reading.listed',
      result: (numbers) => ({ numbers }),
    });
    const event = reading({ n: 1, source: 'north', sensor: 'a', time: 1_000 });
    return arrivingEvent(windowsDefinitionOf(windows), event).parts[0];
  };

  it('is the `time` of the event, or what the definition returns', () => {
    expect(partWith()?.input.time).to.equal(1_000);
    expect(partWith(() => '1970-01-01T01:00:02+01:00')?.input.time).to.equal(2_000);
  });

  it('refuses an event for which it is not a time', () => {
    expect(partWith(() => 'yesterday')?.refusal?.code).to.equal('windows.bad_time');
  });
});
